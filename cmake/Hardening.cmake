# What a program that faces the internet is built with. The sanitizers bring their own checks and do
# not go together with _FORTIFY_SOURCE, so their presets switch this off.
option(RUNHOOK_HARDENING
    "Build with stack protector, _FORTIFY_SOURCE, branch protection, full RELRO and PIE" ON)

set(CMAKE_POSITION_INDEPENDENT_CODE ON)
include(CheckPIESupported)
check_pie_supported(LANGUAGES C)
include(CheckCCompilerFlag)

add_library(runhook_hardening INTERFACE)
if(RUNHOOK_HARDENING)
    # _FORTIFY_SOURCE needs an optimizing build and says so in a warning otherwise.
    target_compile_options(runhook_hardening INTERFACE
        -fstack-protector-strong -fstack-clash-protection
        $<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE>
        $<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=3>)
    # Jumps and returns go only where the compiler meant them to, on processors that see to it: each
    # architecture has its own option, which a compiler for another refuses.
    check_c_compiler_flag(-fcf-protection=full runhook_has_cf_protection)
    check_c_compiler_flag(-mbranch-protection=standard runhook_has_branch_protection)
    target_compile_options(runhook_hardening INTERFACE
        $<$<BOOL:${runhook_has_cf_protection}>:-fcf-protection=full>
        $<$<BOOL:${runhook_has_branch_protection}>:-mbranch-protection=standard>)
    target_link_options(runhook_hardening INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack)
endif()
