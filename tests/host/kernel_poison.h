/* Memory of free frames is poisoned: AddressSanitizer reports whoever touches it. */
#pragma once

/* All that are free now; from then on the frame table's own functions keep it so. */
void poison_free_frames(void);
