# cmake -DSOURCE=web -DBUILD=folder -P web_build.cmake: make BUILD/report.html, or leave it empty and say why in
# BUILD/report.reason. Never fails. BUILD/report.done is there only after success.
cmake_minimum_required(VERSION 3.25)

function(finish reason)
  if(reason)
    message("report page: ${reason}")
    file(WRITE ${BUILD}/report.html.new "")
    file(REMOVE ${BUILD}/report.done)
  else()
    file(WRITE ${BUILD}/report.done "")
  endif()
  file(WRITE ${BUILD}/report.reason.new "${reason}")
  foreach(file report.html report.reason)
    file(COPY_FILE ${BUILD}/${file}.new ${BUILD}/${file} ONLY_IF_DIFFERENT)
    file(TOUCH_NOCREATE ${BUILD}/${file})
  endforeach()
endfunction()

# Fresh sources beside the packages, which stay.
file(MAKE_DIRECTORY ${BUILD})
file(REMOVE_RECURSE ${BUILD}/report ${BUILD}/shared)
file(COPY ${SOURCE}/report ${SOURCE}/shared ${SOURCE}/package.json ${SOURCE}/package-lock.json ${SOURCE}/tsconfig.json
  ${SOURCE}/vite.config.ts ${SOURCE}/.npmrc DESTINATION ${BUILD})

find_program(NODE node)
find_program(NPM npm)
if(NOT NODE)
  finish("there is no node (18 or newer) to build it")
  return()
endif()
execute_process(COMMAND ${NODE} --version OUTPUT_VARIABLE version OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT version MATCHES "^v([0-9]+)" OR CMAKE_MATCH_1 LESS 18)
  finish("node ${version} is too old to build it; 18 or newer is needed")
  return()
endif()

# The packages: fetched once for each lock file.
file(SHA256 ${SOURCE}/package-lock.json lock)
set(have "")
if(EXISTS ${BUILD}/node_modules/.redoubt-lock)
  file(READ ${BUILD}/node_modules/.redoubt-lock have)
endif()
if(NOT have STREQUAL lock)
  if(NOT NPM)
    finish("there is no npm to fetch its packages")
    return()
  endif()
  execute_process(
    COMMAND ${NPM} ci --ignore-scripts --no-audit --no-fund --prefer-offline
      --fetch-retries=1 --fetch-retry-mintimeout=1000 --fetch-retry-maxtimeout=3000 --fetch-timeout=30000
    WORKING_DIRECTORY ${BUILD} RESULT_VARIABLE status TIMEOUT 300
    OUTPUT_FILE ${BUILD}/npm.log ERROR_FILE ${BUILD}/npm.log)
  if(NOT status EQUAL 0)
    finish("npm could not fetch its packages (web/npm.log in the build folder)")
    return()
  endif()
  file(WRITE ${BUILD}/node_modules/.redoubt-lock ${lock})
endif()

# Without npm: the packages are here.
execute_process(
  COMMAND ${CMAKE_COMMAND} -E env ENTRY=report OUT=${BUILD}/out NODE_ENV=production
    ${NODE} node_modules/vite/bin/vite.js build
  WORKING_DIRECTORY ${BUILD} RESULT_VARIABLE status TIMEOUT 300
  OUTPUT_FILE ${BUILD}/vite.log ERROR_FILE ${BUILD}/vite.log)
if(NOT status EQUAL 0 OR NOT EXISTS ${BUILD}/out/index.html)
  finish("vite could not build it (web/vite.log in the build folder)")
  return()
endif()
file(COPY_FILE ${BUILD}/out/index.html ${BUILD}/report.html.new)
finish("")
