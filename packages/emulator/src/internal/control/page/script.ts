/** The text of the console's script, made of functions that know nothing but their arguments. */
import { makeActions } from "./script/actions.js"
import { makeAnswers } from "./script/answers.js"
import { makeApps } from "./script/apps.js"
import { makeConnection } from "./script/connection.js"
import { makeDetails } from "./script/details.js"
import { makeDom } from "./script/dom.js"
import { makeEndpoints } from "./script/endpoints.js"
import { makeEntryTexts } from "./script/entryTexts.js"
import { makeEntryView } from "./script/entryView.js"
import { makeFaultKinds } from "./script/faultKinds.js"
import { makeFaultList } from "./script/faultList.js"
import { makeFaults } from "./script/faults.js"
import { makeFirstSteps } from "./script/firstSteps.js"
import { makeJournal } from "./script/journal.js"
import { makeKeys } from "./script/keys.js"
import { makeLanguage } from "./script/language.js"
import { makePlatform } from "./script/platform.js"
import { makeSecrets } from "./script/secrets.js"
import { makeSelection } from "./script/selection.js"
import { makeSendForm } from "./script/sendForm.js"
import { makeSending } from "./script/sending.js"
import { makeSentences } from "./script/sentences.js"
import { type Parts, start } from "./script/start.js"
import { makeState } from "./script/state.js"
import { words } from "./words.js"

const parts: Parts = {
  makeActions,
  makeAnswers,
  makeApps,
  makeConnection,
  makeDetails,
  makeDom,
  makeEndpoints,
  makeEntryTexts,
  makeEntryView,
  makeFaultKinds,
  makeFaultList,
  makeFaults,
  makeFirstSteps,
  makeJournal,
  makeKeys,
  makeLanguage,
  makePlatform,
  makeSecrets,
  makeSelection,
  makeSendForm,
  makeSending,
  makeSentences,
  makeState
}

/** In a script inside HTML, no text may look like a tag. */
const json = JSON.stringify(words).replaceAll("<", "\\u003c")

export const script = [
  "\"use strict\";",
  // Compilers that keep the names of functions, such as `tsx`, call this helper.
  "const __name = (value) => value;",
  `(${start})({`,
  ...Object.entries<unknown>({ ...parts }).map(([name, part]) => `${name}: ${part},`),
  `}, ${json});`
].join("\n")
