# libedgebert, shared and static, and what `cmake --install` makes of it.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

option(EDGEBERT_BUILD_SHARED "Build the shared library beside the static one" ON)

set(EDGEBERT_ABI 1) # as in edgebert.h

add_library(edgebert_c OBJECT
  edgebert/native/c_api.cpp
  edgebert/native/c_failure.cpp
  edgebert/native/c_model.cpp
  edgebert/native/c_session.cpp
  edgebert/native/c_session_plan.cpp
  edgebert/native/c_tokens.cpp
  edgebert/native/c_verify.cpp)
target_link_libraries(edgebert_c PRIVATE edgebert_engine edgebert_text edgebert_options)

# Everything in one library: users link nothing else of edgebert's.
function(edgebert_library target kind name)
  add_library(${target} ${kind}
    $<TARGET_OBJECTS:edgebert_c> $<TARGET_OBJECTS:edgebert_engine> $<TARGET_OBJECTS:edgebert_text>)
  target_include_directories(${target} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/edgebert/native/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_link_libraries(${target} PUBLIC Threads::Threads)
  set_target_properties(${target} PROPERTIES OUTPUT_NAME edgebert EXPORT_NAME ${name} LINKER_LANGUAGE CXX)
  add_library(edgebert::${name} ALIAS ${target})
  install(TARGETS ${target} EXPORT edgebertTargets
          LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT library NAMELINK_COMPONENT development
          ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development)
endfunction()

edgebert_library(edgebert_static STATIC static)
if(EDGEBERT_SANITIZE)
  target_link_options(edgebert_static PUBLIC $<BUILD_INTERFACE:-fsanitize=address,undefined>)
endif()
set(EDGEBERT_DEFAULT static)
if(EDGEBERT_BUILD_SHARED)
  edgebert_library(edgebert_shared SHARED shared)
  set_target_properties(edgebert_shared PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION ${EDGEBERT_ABI})
  target_link_options(edgebert_shared PRIVATE -Wl,--gc-sections
                      -Wl,--version-script=${PROJECT_SOURCE_DIR}/cmake/edgebert.map)
  set_target_properties(edgebert_shared PROPERTIES LINK_DEPENDS ${PROJECT_SOURCE_DIR}/cmake/edgebert.map)
  if(EDGEBERT_SANITIZE)
    target_link_options(edgebert_shared PUBLIC $<BUILD_INTERFACE:-fsanitize=address,undefined>)
  endif()
  set(EDGEBERT_DEFAULT shared)
endif()
add_library(edgebert::edgebert ALIAS edgebert_${EDGEBERT_DEFAULT})

set(EDGEBERT_PACKAGE ${CMAKE_INSTALL_LIBDIR}/cmake/edgebert)
configure_package_config_file(cmake/edgebertConfig.cmake.in edgebertConfig.cmake INSTALL_DESTINATION ${EDGEBERT_PACKAGE})
write_basic_package_version_file(edgebertConfigVersion.cmake COMPATIBILITY SameMinorVersion)
# relative, so that `cmake --install --prefix` and a moved folder work
file(RELATIVE_PATH EDGEBERT_PC_TO_PREFIX /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
configure_file(cmake/edgebert.pc.in edgebert.pc @ONLY)
install(EXPORT edgebertTargets NAMESPACE edgebert:: DESTINATION ${EDGEBERT_PACKAGE} COMPONENT development)
install(FILES edgebert/native/include/edgebert.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development)
install(FILES ${PROJECT_BINARY_DIR}/edgebertConfig.cmake ${PROJECT_BINARY_DIR}/edgebertConfigVersion.cmake
        DESTINATION ${EDGEBERT_PACKAGE} COMPONENT development)
install(FILES ${PROJECT_BINARY_DIR}/edgebert.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT development)
