# runhook_embed_style(FILE OUTPUT NAME): a header with NAME, the style sheet as a string literal
# without its comments and indentation, and NAME_HASH, by which a Content-Security-Policy permits
# exactly this text as an inline style: "sha256-" and the digest in Base64 (CSP Level 3, 6.7.2.2).
function(runhook_embed_style file output name)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
    file(READ ${file} style)
    string(REGEX REPLACE "/\\*[^*]*\\*+([^/*][^*]*\\*+)*/" "" style "${style}")
    string(REGEX REPLACE "[ \t\r\n]+" " " style "${style}")
    string(REGEX REPLACE " ?([{}:,>]|\;) ?" "\\1" style "${style}")
    string(REPLACE "\;}" "}" style "${style}")
    string(STRIP "${style}" style)
    string(SHA256 digest "${style}")

    # Base64 of 32 bytes: with one byte of 0 more they are eleven groups of three, and the last
    # character, of the byte too many, is the padding.
    set(alphabet ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/)
    set(base64 "")
    foreach(at RANGE 0 60 6)
        string(SUBSTRING "${digest}00" ${at} 6 group)
        foreach(shift IN ITEMS 18 12 6 0)
            math(EXPR index "0x${group} >> ${shift} & 63")
            string(SUBSTRING ${alphabet} ${index} 1 character)
            string(APPEND base64 ${character})
        endforeach()
    endforeach()
    string(REGEX REPLACE "A$" "=" base64 ${base64})

    string(REPLACE "\\" "\\\\" style "${style}")
    string(REPLACE "\"" "\\\"" style "${style}")
    set(header "/* Made from ${file} by EmbedStyle.cmake. */\n")
    string(APPEND header "#define ${name} \"${style}\"\n")
    string(APPEND header "#define ${name}_HASH \"sha256-${base64}\"\n")
    file(CONFIGURE OUTPUT ${output} CONTENT "${header}" @ONLY)
endfunction()
