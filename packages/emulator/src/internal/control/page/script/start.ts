// @effect-diagnostics globalTimers:off -- this runs in the browser
/** Puts the parts of the page together. Each part gets what the part needs as arguments, because each is embedded alone. */
import type { Words } from "../words.js"
import type { makeActions } from "./actions.js"
import type { makeAnswers } from "./answers.js"
import type { makeApps } from "./apps.js"
import type { makeConnection } from "./connection.js"
import type { makeDetails } from "./details.js"
import type { makeDom } from "./dom.js"
import type { makeEndpoints } from "./endpoints.js"
import type { makeEntryTexts } from "./entryTexts.js"
import type { makeEntryView } from "./entryView.js"
import type { makeFaultKinds } from "./faultKinds.js"
import type { makeFaultList } from "./faultList.js"
import type { makeFaults } from "./faults.js"
import type { makeFirstSteps } from "./firstSteps.js"
import type { makeJournal } from "./journal.js"
import type { makeKeys } from "./keys.js"
import type { makeLanguage } from "./language.js"
import type { makePlatform } from "./platform.js"
import type { makeSecrets } from "./secrets.js"
import type { makeSelection } from "./selection.js"
import type { makeSendForm } from "./sendForm.js"
import type { makeSending } from "./sending.js"
import type { makeSentences } from "./sentences.js"
import type { makeState } from "./state.js"

export interface Parts {
  readonly makeActions: typeof makeActions
  readonly makeAnswers: typeof makeAnswers
  readonly makeApps: typeof makeApps
  readonly makeConnection: typeof makeConnection
  readonly makeDetails: typeof makeDetails
  readonly makeDom: typeof makeDom
  readonly makeEndpoints: typeof makeEndpoints
  readonly makeEntryTexts: typeof makeEntryTexts
  readonly makeEntryView: typeof makeEntryView
  readonly makeFaultKinds: typeof makeFaultKinds
  readonly makeFaultList: typeof makeFaultList
  readonly makeFaults: typeof makeFaults
  readonly makeFirstSteps: typeof makeFirstSteps
  readonly makeJournal: typeof makeJournal
  readonly makeKeys: typeof makeKeys
  readonly makeLanguage: typeof makeLanguage
  readonly makePlatform: typeof makePlatform
  readonly makeSecrets: typeof makeSecrets
  readonly makeSelection: typeof makeSelection
  readonly makeSendForm: typeof makeSendForm
  readonly makeSending: typeof makeSending
  readonly makeSentences: typeof makeSentences
  readonly makeState: typeof makeState
}

export const start = (parts: Parts, words: Words): void => {
  const dom = parts.makeDom()
  const language = parts.makeLanguage(words)
  const endpoints = parts.makeEndpoints(language)
  const state = parts.makeState(endpoints)
  const texts = parts.makeEntryTexts(language)
  const selection = parts.makeSelection(dom)
  const journal = parts.makeJournal(dom, language, texts, selection)
  const view = parts.makeEntryView(dom, language, endpoints, texts)
  const details = parts.makeDetails(dom, language, endpoints, journal, selection, texts, view)
  const sentences = parts.makeSentences(language)
  const secrets = parts.makeSecrets(dom, language, state)
  const actions = parts.makeActions(dom, language, endpoints, state, sentences)
  const apps = parts.makeApps(dom, language, state, secrets, actions)
  parts.makeFirstSteps(dom, language, state)
  const answers = parts.makeAnswers(dom, language)
  const form = parts.makeSendForm(dom, language, endpoints, state, answers)
  const sending = parts.makeSending(dom, language, endpoints, state, form, answers, sentences)
  const kinds = parts.makeFaultKinds()
  const faults = parts.makeFaults(dom, language, endpoints, state, kinds)
  parts.makeFaultList(dom, language, endpoints, state, kinds)
  const platform = parts.makePlatform(dom, language, endpoints, state, journal)
  const connection = parts.makeConnection(dom, language, endpoints, state, journal, details.added)
  const keys = parts.makeKeys(dom, {
    "?": () => keys.showHelp(),
    t: actions.pushTicket,
    e: sending.pushEvent,
    b: sending.pressButton,
    f: faults.open,
    p: journal.togglePause,
    j: () => selection.move(1),
    k: () => selection.move(-1),
    a: apps.chooseNext,
    l: language.toggle
  }, details.close)

  dom.onClick("language", language.toggle)
  dom.onClick("help-open", keys.showHelp)
  language.apply()
  void connection.connect()
  setInterval(() => {
    platform.showClock()
    secrets.countDown()
    // Others change the emulator, too.
    if (!document.hidden) state.readSoon()
  }, 1000)
}
