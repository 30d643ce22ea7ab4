/* dxgi.dll for winlab, for machines with more than one GPU: Wine's own dxgi (copied to dxgiwine.dll), whose factories show
   the GPUs of adapters.h.  Every one is Wine's only GPU once more; those after the first have a number, and answer by it. */
#define COBJMACROS
#include <initguid.h>
#include <dxgi1_6.h>
#include "adapters.h"
#include "replace.h"

DEFINE_GUID(number_of_gpu, 0x6b0e6f1d, 0x2a53, 0x4c0b, 0x9d, 0x0a, 0x5d, 0x0e, 0x1c, 0x5b, 0x77, 0x02);
static IDXGIFactory6Vtbl wine_factory;
static IDXGIAdapter4Vtbl wine_adapter;

/* DXGI_ADAPTER_DESC, which its three successors begin with. */
static HRESULT describe(IDXGIAdapter4 *self, HRESULT result, void *found)
{
    DXGI_ADAPTER_DESC *description = found;
    UINT index, size = sizeof index;
    if (FAILED(result) || FAILED(IDXGIAdapter4_GetPrivateData(self, &number_of_gpu, &size, &index))) return result;
    MultiByteToWideChar(CP_UTF8, 0, identities[index].name, -1, description->Description, 128);
    description->VendorId = identities[index].vendor;
    description->DeviceId = identities[index].device;
    description->DedicatedVideoMemory = identities[index].memory;
    description->AdapterLuid.LowPart += index;
    return result;
}
static HRESULT WINAPI get_desc(IDXGIAdapter4 *self, DXGI_ADAPTER_DESC *found) { return describe(self, wine_adapter.GetDesc(self, found), found); }
static HRESULT WINAPI get_desc1(IDXGIAdapter4 *self, DXGI_ADAPTER_DESC1 *found) { return describe(self, wine_adapter.GetDesc1(self, found), found); }
static HRESULT WINAPI get_desc2(IDXGIAdapter4 *self, DXGI_ADAPTER_DESC2 *found) { return describe(self, wine_adapter.GetDesc2(self, found), found); }
static HRESULT WINAPI get_desc3(IDXGIAdapter4 *self, DXGI_ADAPTER_DESC3 *found) { return describe(self, wine_adapter.GetDesc3(self, found), found); }

static HRESULT WINAPI enum_adapters1(IDXGIFactory6 *self, UINT index, IDXGIAdapter1 **out)
{
    HRESULT result = wine_factory.EnumAdapters1(self, index < identity_count ? 0 : ~0u, out);
    if (FAILED(result)) return result;
    IDXGIAdapter4Vtbl *methods = ((IDXGIAdapter4 *)*out)->lpVtbl;
    if (!wine_adapter.GetDesc) {
        wine_adapter = *methods;
        replace(&methods->GetDesc, get_desc);
        replace(&methods->GetDesc1, get_desc1);
        replace(&methods->GetDesc2, get_desc2);
        replace(&methods->GetDesc3, get_desc3);
    }
    return index ? IDXGIAdapter1_SetPrivateData(*out, &number_of_gpu, sizeof index, &index) : result;
}
static HRESULT WINAPI enum_adapters(IDXGIFactory6 *self, UINT index, IDXGIAdapter **out)
{
    return enum_adapters1(self, index, (IDXGIAdapter1 **)out);
}
static HRESULT WINAPI enum_by_preference(IDXGIFactory6 *self, UINT index, DXGI_GPU_PREFERENCE preference, REFIID iid, void **out)
{
    IDXGIAdapter1 *adapter;
    HRESULT result = enum_adapters1(self, index, &adapter);
    if (FAILED(result)) return result;
    result = IDXGIAdapter1_QueryInterface(adapter, iid, out);
    IDXGIAdapter1_Release(adapter);
    return result;
}
static HRESULT WINAPI enum_by_luid(IDXGIFactory6 *self, LUID luid, REFIID iid, void **out)
{
    for (UINT index = 0; index < identity_count; index++) {
        IDXGIAdapter1 *adapter;
        DXGI_ADAPTER_DESC1 found;
        HRESULT result = enum_adapters1(self, index, &adapter);
        if (FAILED(result)) return result;
        IDXGIAdapter1_GetDesc1(adapter, &found);
        IDXGIAdapter1_Release(adapter);
        if (!memcmp(&found.AdapterLuid, &luid, sizeof luid)) return enum_by_preference(self, index, 0, iid, out);
    }
    return DXGI_ERROR_NOT_FOUND;
}

static HRESULT WINAPI create(UINT flags, const GUID *iid, void **out)
{
    typedef HRESULT (WINAPI *creator)(UINT, const GUID *, void **);
    HRESULT result = ((creator)GetProcAddress(LoadLibraryA("dxgiwine.dll"), "CreateDXGIFactory2"))(flags, iid, out);
    if (SUCCEEDED(result) && !wine_factory.EnumAdapters) {
        IDXGIFactory6Vtbl *methods = (*(IDXGIFactory6 **)out)->lpVtbl;
        read_identities();
        wine_factory = *methods;
        replace(&methods->EnumAdapters, enum_adapters);
        replace(&methods->EnumAdapters1, enum_adapters1);
        replace(&methods->EnumAdapterByLuid, enum_by_luid);
        replace(&methods->EnumAdapterByGpuPreference, enum_by_preference);
    }
    return result;
}
HRESULT WINAPI CreateDXGIFactory(REFIID iid, void **out) { return create(0, iid, out); }
HRESULT WINAPI CreateDXGIFactory1(REFIID iid, void **out) { return create(0, iid, out); }
HRESULT WINAPI CreateDXGIFactory2(UINT flags, REFIID iid, void **out) { return create(flags, iid, out); }
