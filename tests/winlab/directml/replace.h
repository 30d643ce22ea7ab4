/* Put a method of ours in the place of one in Wine's table of methods, for all objects of that class. */
#include <windows.h>

static void replace(void *slot, void *with)
{
    DWORD old;
    if (VirtualProtect(slot, sizeof with, PAGE_READWRITE, &old)) {
        *(void **)slot = with;
        VirtualProtect(slot, sizeof with, old, &old);
    }
}
