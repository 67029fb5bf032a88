// libfuse's low-level interface, at the version this room is written for. Only this room includes
// it.
#pragma once

#define FUSE_USE_VERSION 314
#include <fuse_lowlevel.h>
