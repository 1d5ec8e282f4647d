// @effect-diagnostics globalTimers:off -- this runs in the browser
/** Puts the parts of the page together. Each part gets what the part needs as arguments, because each is embedded alone. */
import type { Words } from "../words.js"
import type { makeApps } from "./apps.js"
import type { makeConnection } from "./connection.js"
import type { makeDetails } from "./details.js"
import type { makeDom } from "./dom.js"
import type { makeEndpoints } from "./endpoints.js"
import type { makeFaults } from "./faults.js"
import type { makeJournal } from "./journal.js"
import type { makeKeys } from "./keys.js"
import type { makeLanguage } from "./language.js"
import type { makePlatform } from "./platform.js"
import type { makeSending, makeSentences } from "./sending.js"
import type { makeState } from "./state.js"

export interface Parts {
  readonly makeApps: typeof makeApps
  readonly makeConnection: typeof makeConnection
  readonly makeDetails: typeof makeDetails
  readonly makeDom: typeof makeDom
  readonly makeEndpoints: typeof makeEndpoints
  readonly makeFaults: typeof makeFaults
  readonly makeJournal: typeof makeJournal
  readonly makeKeys: typeof makeKeys
  readonly makeLanguage: typeof makeLanguage
  readonly makePlatform: typeof makePlatform
  readonly makeSending: typeof makeSending
  readonly makeSentences: typeof makeSentences
  readonly makeState: typeof makeState
}

export const start = (parts: Parts, words: Words): void => {
  const dom = parts.makeDom()
  const language = parts.makeLanguage(words)
  const endpoints = parts.makeEndpoints(language)
  const state = parts.makeState(endpoints)
  const journal = parts.makeJournal(dom, language)
  const details = parts.makeDetails(dom, language, endpoints, journal)
  const sentences = parts.makeSentences(language)
  const apps = parts.makeApps(dom, language, endpoints, state, sentences)
  const sending = parts.makeSending(dom, language, endpoints, state, sentences)
  const faults = parts.makeFaults(dom, language, endpoints, state)
  const platform = parts.makePlatform(dom, language, endpoints, state, journal)
  const connection = parts.makeConnection(dom, language, endpoints, state, journal, details.added)
  const keys = parts.makeKeys(dom, {
    "?": () => keys.showHelp(),
    t: apps.pushTicket,
    e: sending.pushEvent,
    b: sending.pressButton,
    f: faults.open,
    p: journal.togglePause,
    j: () => journal.move(1),
    k: () => journal.move(-1),
    a: apps.chooseNext,
    l: language.toggle
  }, details.close)

  dom.onClick("language", language.toggle)
  dom.onClick("help-open", keys.showHelp)
  language.apply()
  void connection.connect()
  setInterval(() => {
    platform.showClock()
    apps.countDown()
    // Others change the emulator, too.
    if (!document.hidden) state.readSoon()
  }, 1000)
}
