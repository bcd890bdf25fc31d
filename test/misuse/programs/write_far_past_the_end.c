// expect [] nothing
#include "../misuse.h"

int main(void) {
  char *one = object(1000), *other = object(1000);
  memset(one, 1, 1032);
  free(one);
  free(other);
  return 0;
}
