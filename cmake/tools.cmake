# Programs that check the tree; tools/onnx_conformance and the tests drive them.
add_executable(rd_onnx_conformance tools/onnx_conformance.c)
target_include_directories(rd_onnx_conformance PRIVATE src)
target_compile_options(rd_onnx_conformance PRIVATE ${RD_WARNINGS})
target_link_libraries(rd_onnx_conformance PRIVATE rd_graph)
