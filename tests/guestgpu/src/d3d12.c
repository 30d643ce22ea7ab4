/* The entry points of libd3d12.so for the guest GPU: what DirectML's Linux (WSL 2)
 * build calls of Direct3D 12, handed on to the vkd3d library that is linked into the
 * same file (see vkd3d-guestgpu.patch for the changes made to that).  A device is
 * made on Mesa's software Vulkan driver lavapipe unless the environment names
 * another; its LUID is that of the DXCore adapter it is made for.  Events are Linux
 * eventfds, as on WSL 2.  vkd3d prints errors only, unless VKD3D_DEBUG says more.
 *
 * Written for this project. MIT licence (see ../README.md); vkd3d itself is under
 * the LGPL, version 2.1 or later. */
#define COBJMACROS
#include <stdlib.h>
#include <unistd.h>
#include <pthread.h>
#include "vkd3d.h"

#define EXPORT __attribute__((visibility("default")))
static const char *const lavapipe[] = {"/usr/share/vulkan/icd.d/lvp_icd.x86_64.json", "/usr/share/vulkan/icd.d/lvp_icd.json"};

/* IDXCoreAdapter, as far as it is used here. */
static const GUID iid_dxcore_adapter = {0xf0db4c7f, 0xfe5a, 0x42a2, {0xbd, 0x62, 0xf2, 0xa6, 0xcf, 0x6f, 0xc8, 0x3e}};
struct dxcore_adapter
{
    const struct
    {
        HRESULT (*query)(void *self, const GUID *iid, void **out);
        ULONG (*add_ref)(void *self);
        ULONG (*release)(void *self);
        void *is_valid, *is_attribute_supported, *is_property_supported;
        HRESULT (*get_property)(void *self, uint32_t property, size_t size, void *buffer);
    } *vtbl;
};

static HRESULT signal_event(HANDLE event)
{
    uint64_t one = 1;
    return write((int)(intptr_t)event, &one, sizeof(one)) == sizeof(one) ? S_OK : E_FAIL;
}

static void set_defaults(void)
{
    setenv("VKD3D_DEBUG", "err", 0);
    for (int i = 0; i < 2; ++i)
        if (!access(lavapipe[i], R_OK) && !getenv("VK_DRIVER_FILES"))
            setenv("VK_ICD_FILENAMES", lavapipe[i], 0);
}

EXPORT HRESULT D3D12CreateDevice(IUnknown *adapter, D3D_FEATURE_LEVEL minimum, REFIID iid, void **device)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct vkd3d_instance_create_info instance_info =
    {
        .type = VKD3D_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
        .pfn_signal_event = signal_event,
        .wchar_size = sizeof(wchar_t),
    };
    struct vkd3d_device_create_info info =
    {
        .type = VKD3D_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
        .minimum_feature_level = minimum < D3D_FEATURE_LEVEL_11_0 ? D3D_FEATURE_LEVEL_11_0 : minimum,
        .instance_create_info = &instance_info,
        .adapter_luid = {0x10000, 0},
    };
    struct dxcore_adapter *dxcore;

    pthread_once(&once, set_defaults);
    if (adapter && SUCCEEDED(IUnknown_QueryInterface(adapter, &iid_dxcore_adapter, (void **)&dxcore)))
    {
        dxcore->vtbl->get_property(dxcore, 0, sizeof(info.adapter_luid), &info.adapter_luid);
        dxcore->vtbl->release(dxcore);
    }
    return vkd3d_create_device(&info, iid, device);
}

EXPORT HRESULT D3D12SerializeRootSignature(const D3D12_ROOT_SIGNATURE_DESC *desc, D3D_ROOT_SIGNATURE_VERSION version,
        ID3DBlob **blob, ID3DBlob **error)
{
    return vkd3d_serialize_root_signature(desc, version, blob, error);
}

EXPORT HRESULT D3D12SerializeVersionedRootSignature(const D3D12_VERSIONED_ROOT_SIGNATURE_DESC *desc,
        ID3DBlob **blob, ID3DBlob **error)
{
    return vkd3d_serialize_versioned_root_signature(desc, blob, error);
}

EXPORT HRESULT D3D12CreateRootSignatureDeserializer(const void *data, SIZE_T size, REFIID iid, void **out)
{
    return vkd3d_create_root_signature_deserializer(data, size, iid, out);
}

EXPORT HRESULT D3D12CreateVersionedRootSignatureDeserializer(const void *data, SIZE_T size, REFIID iid, void **out)
{
    return vkd3d_create_versioned_root_signature_deserializer(data, size, iid, out);
}

EXPORT HRESULT D3D12GetDebugInterface(REFIID iid, void **out)
{
    if (out) *out = NULL;
    return E_NOINTERFACE;
}

EXPORT HRESULT D3D12GetInterface(REFCLSID clsid, REFIID iid, void **out)
{
    if (out) *out = NULL;
    return E_NOINTERFACE;
}

EXPORT HRESULT D3D12EnableExperimentalFeatures(UINT count, const IID *iids, void *configurations, UINT *sizes)
{
    return E_NOINTERFACE;
}
