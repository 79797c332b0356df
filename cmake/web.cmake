# The report page: web/ built by npm into one HTML file that is put into the program as bytes.
#
# Nothing from npm touches the source tree: web/ is copied into the build folder and built there. npm is called only when
# package-lock.json has changed since its packages were fetched. Whatever goes wrong, the build goes on, without
# the page and with one line that says why (rd_report_html_reason).
set(RD_PAGE_DIR ${CMAKE_BINARY_DIR}/web)
set(RD_PAGE ${RD_PAGE_DIR}/report.html)
set(RD_PAGE_REASON ${RD_PAGE_DIR}/report.reason)

file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/page.c @ONLY CONTENT [[
/* made by cmake/web.cmake */
#define PUT(symbol, path)                                                                          \
    __asm__(".section .rodata\n.globl " #symbol "\n.hidden " #symbol "\n" #symbol ":\n.incbin \"" path "\"\n" \
            ".globl " #symbol "_end\n.hidden " #symbol "_end\n" #symbol "_end:\n.byte 0\n.previous\n")
PUT(rd_page_report, "@RD_PAGE@");
PUT(rd_page_reason, "@RD_PAGE_REASON@");
extern const char rd_page_report[];
]])
target_sources(rd_report PRIVATE ${CMAKE_BINARY_DIR}/page.c)
set_source_files_properties(${CMAKE_BINARY_DIR}/page.c PROPERTIES OBJECT_DEPENDS "${RD_PAGE};${RD_PAGE_REASON}")

if(RD_WEB)
  file(GLOB_RECURSE RD_WEB_SOURCES CONFIGURE_DEPENDS
    web/report/* web/shared/* web/package.json web/package-lock.json web/tsconfig.json web/vite.config.ts web/.npmrc)
  add_custom_command(
    OUTPUT ${RD_PAGE} ${RD_PAGE_REASON}
    # A file that only success makes: after a failure the next build tries again.
    OUTPUT ${RD_PAGE_DIR}/report.done
    COMMAND ${CMAKE_COMMAND} -DSOURCE=${CMAKE_SOURCE_DIR}/web -DBUILD=${RD_PAGE_DIR}
      -P ${CMAKE_SOURCE_DIR}/cmake/web_build.cmake
    DEPENDS ${RD_WEB_SOURCES} ${CMAKE_SOURCE_DIR}/cmake/web_build.cmake
    COMMENT "Building the report page"
    VERBATIM)
else()
  file(WRITE ${RD_PAGE_DIR}/report.html.new "")
  file(WRITE ${RD_PAGE_DIR}/report.reason.new "this program was built without the report page (-DRD_WEB=OFF)")
  foreach(file report.html report.reason)
    file(COPY_FILE ${RD_PAGE_DIR}/${file}.new ${RD_PAGE_DIR}/${file} ONLY_IF_DIFFERENT)
  endforeach()
endif()
