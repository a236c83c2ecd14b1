#pragma once

// Marks what the shared library shows; everything else in it is hidden.
#if defined(_WIN32)
#define PARLEY_EXPORT
#else
#define PARLEY_EXPORT __attribute__((visibility("default")))
#endif
