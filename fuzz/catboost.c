/* CatBoost's JSON. */
#include "model_target.h"
