/* broken/libd3d12.so: as one of a Windows that is newer than the guest's C library, which lacks what this one needs.
 * Linked against a C library of our own that has it. MIT licence. */
#ifdef C_LIBRARY
void of_a_later_glibc(void) { }
#else
void of_a_later_glibc(void);
void D3D12CreateDevice(void) { of_a_later_glibc(); }
#endif
