#include "heap/aside.h"

#include "base/counters.h"
#include "base/hooks.h"
#include "heap/root.h"
#include "heap/run.h"

namespace reslab {

bool must_keep_aside() { return root().fork_page->word.load(std::memory_order_seq_cst) == kForkRepairing; }

void* aside_allocate(const Request& request) { return run_allocate_fresh(request); }

// Without a bound on its length: that is for lists which nobody may be serving. When the tries are used up the object is
// lost, and counted.
void aside_free(void* object, Contract contract) {
  DeferredList& kept = root().aside;
  if (!kept.push(object, UINT32_MAX)) counters.add(Counter::kForkLostObjects);
  RESLAB_HOOK("aside_freed");
  // The end of the repair sets the word, then empties the list; here the list comes first. Both seq_cst, so that one of
  // the two finds the object.
  if (!must_keep_aside()) aside_give_back(kept, contract);
}

void aside_give_back(DeferredList& kept, Contract contract) {
  for (uint32_t left = contract == Contract::kPlain ? kept.length() : 1; left > 0; --left) {
    void* object = kept.pop();
    if (object == nullptr) return;
    heap_free(object, contract, "free");
  }
}

}  // namespace reslab
