# The vector kernels of tensor/, compiled once per instruction set: each file of src/tensor/simd becomes one object each.
# RD_LANES floats in a vector, RD_TILE rows in a register tile. kernel.c picks one when the program starts.
file(GLOB simd_sources CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/src/tensor/simd/*.c)
function(rd_kernel table lanes tile)
  add_library(rd_kernel_${table} OBJECT ${simd_sources})
  target_include_directories(rd_kernel_${table} PRIVATE include src)
  target_compile_definitions(rd_kernel_${table} PRIVATE RD_TABLE=${table} RD_LANES=${lanes} RD_TILE=${tile})
  # -std=gnu17 keeps contraction available; written out here because its absence would halve the speed silently.
  target_compile_options(rd_kernel_${table} PRIVATE ${RD_WARNINGS} -fvisibility=hidden -O3 -ffp-contract=fast -fno-math-errno
    ${ARGN})
  # No parser lives in the kernels, and instrumenting their unrolled loops takes clang ten minutes.
  if(RD_FUZZ)
    target_compile_options(rd_kernel_${table} PRIVATE -fno-sanitize=all)
  endif()
  target_sources(rd_tensor PRIVATE $<TARGET_OBJECTS:rd_kernel_${table}>)
endfunction()

if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
  rd_kernel(sse2 4 6 -msse2)
  rd_kernel(avx2 8 6 -mavx2 -mfma)
  rd_kernel(avx512 16 14 -mavx512f -mavx512bw -mavx512vl -mavx512dq -mfma -mprefer-vector-width=512)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
  rd_kernel(neon 4 12)
else()
  rd_kernel(vec128 4 6)
endif()
