/* <string.h> for lwIP: what libos has of it. */
#pragma once

#include "libos/string.h"
