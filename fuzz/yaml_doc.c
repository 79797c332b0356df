/* Any bytes as YAML: a tree or an error, with everything the tree promises. */
#define READ rd_doc_read_yaml
#include "doc_target.h"
