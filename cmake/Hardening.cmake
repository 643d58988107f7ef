# What a program that faces the internet is built with. The sanitizers bring their own checks and do
# not go together with _FORTIFY_SOURCE, so their presets switch this off.
option(RUNHOOK_HARDENING "Build with stack protector, _FORTIFY_SOURCE, full RELRO and PIE" ON)

set(CMAKE_POSITION_INDEPENDENT_CODE ON)
include(CheckPIESupported)
check_pie_supported(LANGUAGES C)

add_library(runhook_hardening INTERFACE)
if(RUNHOOK_HARDENING)
    # _FORTIFY_SOURCE needs an optimizing build and says so in a warning otherwise.
    target_compile_options(runhook_hardening INTERFACE
        -fstack-protector-strong -fstack-clash-protection
        $<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE>
        $<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=3>)
    target_link_options(runhook_hardening INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack)
endif()
