/** Descriptor: what people write, as values; or complaints with file, line, column, and the way out. Pure. */
export { addRules, ANSWER_TEXT_FORMS, parseAnswerText } from "./answer-text.ts";
export { type Complaint, type DescriptorProblem, showComplaint, type Source } from "./complaint.ts";
export { parseComponent } from "./component.ts";
export { parseDeployment } from "./deployment.ts";
export { inline } from "./inline.ts";
export { insideFault } from "./inside.ts";
export { keyLines } from "./key-lines.ts";
export { jsonSchemas } from "./json-schemas.ts";
export { parseRecipe } from "./recipe.ts";
export { ruleWord } from "./rule-word.ts";
export { limitWords } from "./storage-limits.ts";
export { type FactOverrides, type Mirrors, type Settings, parseBase, parseFacts, parseMigration } from "./settings.ts";
export { parseMirrors, parseSettings } from "./settings.ts";
export { type KeyPath, removeKey, setAnswer, setValue } from "./edit.ts";
export { setLinkTargets } from "./edit-link.ts";
export { grantData, writeDeployment, writeRecipe } from "./write.ts";
export type { PlainData } from "./read-yaml.ts";
export { keyFault, shortenHome } from "./schema-parts.ts";
