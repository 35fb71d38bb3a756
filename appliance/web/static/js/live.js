// The live page: every part looks after itself, and is told the status and the events.

import { onEvent } from "./events.js";
import { showOperations } from "./operations.js";
import { pictureEvent, showPictures } from "./pictures.js";
import { snapshotEvent } from "./snapshots.js";
import { watch } from "./status.js";
import { showSummary } from "./summary.js";
import "./simulated.js";

watch((status, isBack) => {
  showOperations(status);
  showPictures(status, isBack);
  showSummary(status);
});
onEvent((event) => {
  pictureEvent(event);
  snapshotEvent(event);
});
