#pragma once

// The whole of the C++ SDK: `#include <parley/parley.h>` and link parley::parley. docs/guide begins
// with a first program.
#include "parley/client.h"
#include "parley/error.h"
#include "parley/log.h"
#include "parley/message.h"
#include "parley/message_client.h"
#include "parley/result.h"
#include "parley/token.h"
