/* The GPUs that a winlab machine shows: WINLAB_ADAPTER="name|vendor|device|dedicated bytes", hexadecimal ids, and for each
   further GPU ";" and the same again. */
#include <windows.h>
#include <stdint.h>

typedef struct { char name[128]; uint32_t vendor, device; uint64_t memory; } Identity;
static Identity identities[4];
static unsigned identity_count;

static void read_identities(void)
{
    static const Identity unnamed = {"winlab adapter", 0x1002, 0x73ff, 8ull << 30};
    char text[1024] = "", *next = text;
    GetEnvironmentVariableA("WINLAB_ADAPTER", text, sizeof text);
    for (identity_count = 0; next && identity_count < sizeof identities / sizeof *identities; identity_count++) {
        Identity *identity = &identities[identity_count];
        char *field = next;
        if ((next = strchr(field, ';'))) *next++ = 0;
        *identity = unnamed;
        for (int i = 0; i < 4 && *field; i++) {
            char *end = strchr(field, '|');
            if (end) *end++ = 0;
            if (i == 0) lstrcpynA(identity->name, field, sizeof identity->name);
            if (i == 1) identity->vendor = strtoul(field, NULL, 16);
            if (i == 2) identity->device = strtoul(field, NULL, 16);
            if (i == 3) identity->memory = _strtoui64(field, NULL, 10);
            field = end ? end : "";
        }
    }
}
