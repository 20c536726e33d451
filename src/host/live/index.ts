/** Live: what a running compartment is shown, changed from outside. */
export { type Gone, holdersOf, stillSeeing } from "./holders.ts";
export { type Mount, mountsOf } from "./mount-table.ts";
export { findPlainly } from "./plain-file.ts";
export {
  clearSlot,
  hideShown,
  isShown,
  makePlace,
  type Part,
  removePlace,
  replaceShown,
  showView,
  shownBelow,
  shownOn,
  slotMount,
  stageView,
  unstageView,
  type View,
} from "./view.ts";
