/* libdxcore.so for the guest GPU: the adapter list that DirectML's Linux (WSL 2)
 * build asks for.  It implements DXCoreCreateAdapterFactory() and the three COM
 * interfaces behind it (factory, list, adapter) with the System V calling
 * convention of those binaries.  What the adapters say they are comes from the
 * environment variable WINLAB_ADAPTER, "name|vendor hex|device hex|dedicated
 * bytes", several of them separated by ';', or "none" for no adapter at all;
 * nothing is asked of the machine but whether it has /dev/dxg, and each of them computes on the CPU through
 * libd3d12.so.  The objects are static; their reference counts are for show.
 *
 * Written for this project from the public interface definitions. MIT licence
 * (see ../README.md). */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <pthread.h>
#include "windows.h"

#define EXPORT __attribute__((visibility("default")))
#define DEFAULT_ADAPTER "AMD Radeon RX 6800|1002|73bf|17163091968"
#define MAX_ADAPTERS 8

struct object { const void *vtbl; int refs; };
struct adapter
{
    struct object object;
    char name[128];
    uint32_t vendor, device;
    uint64_t memory;
    LUID luid;
};
struct list { struct object object; unsigned int count; struct adapter *adapters[MAX_ADAPTERS]; };

static struct adapter adapters[MAX_ADAPTERS];
static unsigned int adapter_count;
static struct list lists[2]; /* none of the adapters, all of them */
static pthread_once_t once = PTHREAD_ONCE_INIT;

static const GUID iid_factory = {0x78ee5945, 0xc36e, 0x4b13, {0xa6, 0x69, 0x00, 0x5d, 0xd1, 0x1c, 0x0f, 0x06}};
static const GUID iid_list = {0x526c7776, 0x40e9, 0x459b, {0xb7, 0x11, 0xf3, 0x2a, 0xd7, 0x6d, 0xfc, 0x28}};
static const GUID iid_adapter = {0xf0db4c7f, 0xfe5a, 0x42a2, {0xbd, 0x62, 0xf2, 0xa6, 0xcf, 0x6f, 0xc8, 0x3e}};
static const GUID iid_unknown = {0, 0, 0, {0xc0, 0, 0, 0, 0, 0, 0, 0x46}};

/* Attributes of every adapter: D3D11 graphics, D3D12 graphics, D3D12 core compute, "is a GPU". */
static const GUID attributes[] =
{
    {0x8c47866b, 0x7583, 0x450d, {0xf0, 0xf0, 0x6b, 0xad, 0xa8, 0x95, 0xaf, 0x4b}},
    {0x0c9ece4d, 0x2f6e, 0x4f01, {0x8c, 0x96, 0xe8, 0x9e, 0x33, 0x1b, 0x47, 0xb1}},
    {0x248e2800, 0xa793, 0x4724, {0xab, 0xaa, 0x23, 0xa6, 0xde, 0x1b, 0xe0, 0x90}},
    {0xb69eb219, 0x3ded, 0x4464, {0x97, 0x9f, 0xa0, 0x0b, 0xd4, 0x68, 0x70, 0x06}},
};

static ULONG add_ref(struct object *object) { return __sync_add_and_fetch(&object->refs, 1); }
static ULONG release(struct object *object) { return __sync_sub_and_fetch(&object->refs, 1); }

static HRESULT query(struct object *object, const GUID *own, const GUID *iid, void **out)
{
    *out = NULL;
    if (!IsEqualGUID(iid, own) && !IsEqualGUID(iid, &iid_unknown))
        return E_NOINTERFACE;
    add_ref(object);
    *out = object;
    return S_OK;
}

static struct object factory;
static HRESULT get_factory(void *self, const GUID *iid, void **out) { return query(&factory, &iid_factory, iid, out); }

/* IDXCoreAdapter */

static HRESULT adapter_query(void *self, const GUID *iid, void **out) { return query(self, &iid_adapter, iid, out); }
static bool adapter_is_valid(void *self) { return true; }

static bool adapter_has_attribute(void *self, const GUID *attribute)
{
    for (unsigned int i = 0; i < sizeof(attributes) / sizeof(*attributes); ++i)
        if (IsEqualGUID(attribute, &attributes[i])) return true;
    return false;
}

/* Writes a property to buffer where it fits; returns its size, 0 for one unknown. */
static size_t property(const struct adapter *a, uint32_t id, void *buffer, size_t size)
{
    const uint64_t version = 31ull << 48 | 21ull << 16 | 1, zero64 = 0, shared = 8ull << 30;
    const uint32_t hardware[5] = {a->vendor, a->device, 0, 0, 0}, parts[5] = {a->vendor, a->device, 0, 0, 0};
    const uint32_t wddm = 3000;
    const uint16_t preemption = 300;
    const bool yes = true, no = false;
    const void *value;
    size_t length;
#define CASE(n, v) case n: value = &v; length = sizeof(v); break
    switch (id)
    {
        CASE(0, a->luid);
        CASE(1, version);
        case 2: value = a->name; length = strlen(a->name) + 1; break;
        case 3: value = hardware; length = 16; break;
        CASE(4, wddm);
        CASE(5, preemption);
        CASE(6, preemption);
        CASE(7, a->memory);
        CASE(8, zero64);
        CASE(9, shared);
        CASE(10, yes);
        CASE(11, yes);
        CASE(12, no);
        CASE(13, no);
        CASE(14, parts);
        default: return 0;
    }
#undef CASE
    if (buffer && size >= length) memcpy(buffer, value, length);
    return length;
}

static bool adapter_has_property(struct adapter *self, uint32_t id) { return property(self, id, NULL, 0) != 0; }

static HRESULT adapter_get_property(struct adapter *self, uint32_t id, size_t size, void *buffer)
{
    size_t length = property(self, id, buffer, size);
    if (!buffer) return E_POINTER;
    return !length ? DXGI_ERROR_INVALID_CALL : size < length ? E_INVALIDARG : S_OK;
}

static HRESULT adapter_get_property_size(struct adapter *self, uint32_t id, size_t *size)
{
    if (!size) return E_POINTER;
    return (*size = property(self, id, NULL, 0)) ? S_OK : DXGI_ERROR_INVALID_CALL;
}

/* The one state there is: 1, the memory budget (nothing is ever in use). */
static bool adapter_has_query_state(void *self, uint32_t state) { return state == 1; }

static HRESULT adapter_query_state(struct adapter *self, uint32_t state, size_t in_size, const uint32_t *in,
        size_t out_size, uint64_t *out)
{
    if (state != 1) return DXGI_ERROR_UNSUPPORTED;
    if (!out || out_size < 4 * sizeof(*out)) return E_INVALIDARG;
    memset(out, 0, out_size);
    out[0] = in && in_size >= 8 && in[1] ? 8ull << 30 : self->memory;
    out[2] = out[0] / 2;
    return S_OK;
}

static bool adapter_has_set_state(void *self, uint32_t state) { return false; }
static HRESULT adapter_set_state(void *self, uint32_t state, size_t in_size, const void *in,
        size_t size, const void *data) { return DXGI_ERROR_UNSUPPORTED; }

static const void *const adapter_vtbl[] = {adapter_query, add_ref, release, adapter_is_valid, adapter_has_attribute,
        adapter_has_property, adapter_get_property, adapter_get_property_size, adapter_has_query_state,
        adapter_query_state, adapter_has_set_state, adapter_set_state, get_factory};

/* IDXCoreAdapterList */

static HRESULT list_query(void *self, const GUID *iid, void **out) { return query(self, &iid_list, iid, out); }

static HRESULT list_get_adapter(struct list *self, uint32_t index, const GUID *iid, void **out)
{
    if (!out) return E_POINTER;
    *out = NULL;
    return index < self->count ? adapter_query(self->adapters[index], iid, out) : E_INVALIDARG;
}

static uint32_t list_count(struct list *self) { return self->count; }
static bool list_is_stale(void *self) { return false; }
static HRESULT list_sort(void *self, uint32_t count, const uint32_t *preferences) { return S_OK; }
static bool list_has_preference(void *self, uint32_t preference) { return preference <= 2; }

static const void *const list_vtbl[] = {list_query, add_ref, release, list_get_adapter, list_count, list_is_stale,
        get_factory, list_sort, list_has_preference};

/* IDXCoreAdapterFactory */

static HRESULT factory_query(void *self, const GUID *iid, void **out) { return query(self, &iid_factory, iid, out); }

static HRESULT factory_create_list(void *self, uint32_t count, const GUID *wanted, const GUID *iid, void **out)
{
    unsigned int known = 0;

    if (!out) return E_POINTER;
    *out = NULL;
    if (!count || !wanted) return E_INVALIDARG;
    while (known < count && adapter_has_attribute(NULL, &wanted[known])) ++known;
    return list_query(&lists[known == count], iid, out);
}

static HRESULT factory_adapter_by_luid(void *self, const LUID *luid, const GUID *iid, void **out)
{
    if (!out) return E_POINTER;
    *out = NULL;
    for (unsigned int i = 0; i < adapter_count; ++i)
        if (!memcmp(&adapters[i].luid, luid, sizeof(*luid))) return adapter_query(&adapters[i], iid, out);
    return E_INVALIDARG;
}

static bool factory_has_notification(void *self, uint32_t type) { return type <= 3; }
static HRESULT factory_register(void *self, void *object, uint32_t type, void *callback, void *context,
        uint32_t *cookie)
{
    if (!cookie) return E_POINTER;
    *cookie = 1;
    return S_OK;
}
static HRESULT factory_unregister(void *self, uint32_t cookie) { return S_OK; }

static const void *const factory_vtbl[] = {factory_query, add_ref, release, factory_create_list,
        factory_adapter_by_luid, factory_has_notification, factory_register, factory_unregister};

static struct object factory = {factory_vtbl, 1};

static void init(void)
{
    /* In WSL 2 the GPU is /dev/dxg: without it there is no adapter, whatever the libraries. */
    const char *env = access("/dev/dxg", F_OK) ? "none" : getenv("WINLAB_ADAPTER");
    char *text = strdup(env && *env ? env : DEFAULT_ADAPTER), *save = NULL;

    lists[0] = lists[1] = (struct list){{list_vtbl, 1}};
    for (char *one = strtok_r(text, ";", &save); one && strcmp(one, "none") && adapter_count < MAX_ADAPTERS;
            one = strtok_r(NULL, ";", &save))
    {
        struct adapter *a = &adapters[adapter_count];
        unsigned long long memory = 0;

        if (sscanf(one, "%127[^|]|%x|%x|%llu", a->name, &a->vendor, &a->device, &memory) < 1) continue;
        a->object = (struct object){adapter_vtbl, 1};
        a->memory = memory;
        a->luid.LowPart = 0x10000 + adapter_count;
        lists[1].adapters[adapter_count++] = a;
    }
    lists[1].count = adapter_count;
    free(text);
}

EXPORT HRESULT DXCoreCreateAdapterFactory(const GUID *iid, void **out)
{
    if (!out) return E_POINTER;
    pthread_once(&once, init);
    return get_factory(NULL, iid, out);
}
