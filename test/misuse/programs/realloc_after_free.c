// expect [] nothing
#include "../misuse.h"

int main(void) {
  char* one = object(64);
  free(one);
  hide(realloc(one, 60));
  return 0;
}
