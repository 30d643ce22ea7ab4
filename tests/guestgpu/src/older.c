/* broken/libolder.so, for LD_PRELOAD: a program that asks which C library it runs with is told of an old one. MIT licence. */
#include <string.h>
#include <unistd.h>

size_t confstr(int name, char *buffer, size_t size)
{
    static const char text[] = "glibc 2.12";

    if (name != _CS_GNU_LIBC_VERSION) return 0;
    if (buffer && size) strncpy(buffer, text, size - 1)[size - 1] = 0;
    return sizeof(text);
}
