/** The text of the console's script, made of functions that know nothing but their arguments. */
import { makeApps } from "./script/apps.js"
import { makeConnection } from "./script/connection.js"
import { makeDetails } from "./script/details.js"
import { makeDom } from "./script/dom.js"
import { makeEndpoints } from "./script/endpoints.js"
import { makeFaults } from "./script/faults.js"
import { makeJournal } from "./script/journal.js"
import { makeKeys } from "./script/keys.js"
import { makeLanguage } from "./script/language.js"
import { makePlatform } from "./script/platform.js"
import { makeSending, makeSentences } from "./script/sending.js"
import { type Parts, start } from "./script/start.js"
import { makeState } from "./script/state.js"
import { words } from "./words.js"

const parts: Parts = {
  makeApps,
  makeConnection,
  makeDetails,
  makeDom,
  makeEndpoints,
  makeFaults,
  makeJournal,
  makeKeys,
  makeLanguage,
  makePlatform,
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
