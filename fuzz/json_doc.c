/* Any bytes as JSON: a tree or an error, with everything the tree promises. */
#define READ rd_doc_read_json
#include "doc_target.h"
