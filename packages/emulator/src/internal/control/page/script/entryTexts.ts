/** The texts of a line of the journal. */
import type * as ControlApi from "../../../../ControlApi.js"
import type { Language } from "./language.js"

export type Entry = typeof ControlApi.Entry.Encoded

export const makeEntryTexts = ({ current, onChange, t }: Language) => {
  let timeFormat: Intl.DateTimeFormat

  const setTimeFormat = () => {
    timeFormat = new Intl.DateTimeFormat(current() === "zh" ? "zh-CN" : "en-GB", {
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
      fractionalSecondDigits: 3
    })
  }

  const kindOf = (entry: Entry): string => entry._tag === "Push" ? entry.kind : entry._tag.toLowerCase()

  const titleOf = (entry: Entry): string =>
    entry._tag === "Call"
      ? `${entry.method} ${entry.path}`
      : entry._tag === "Push"
      ? entry.eventType
      : t("handshake")

  const outcomeWords = {
    acknowledged: "outcomeAcknowledged",
    refused: "outcomeRefused",
    "timed out": "outcomeTimedOut",
    unreachable: "outcomeUnreachable",
    "no request URL": "outcomeNoUrl",
    lost: "outcomeLost",
    passed: "outcomePassed",
    failed: "outcomeFailed",
    "no answer": "noAnswer",
    "broken off": "brokenOff"
  } as const

  const outcomeOf = (entry: Entry): { readonly text: string; readonly tone: "good" | "bad" } => {
    const fault = entry._tag === "Handshake" || entry.fault === undefined ? "" : ` · ${entry.fault}`
    if (entry._tag === "Call" && entry.outcome === "answered") {
      const { code, status } = entry
      const isGood = (status ?? 0) < 400 && (code ?? 0) === 0
      return { text: `${status}${code === undefined ? "" : ` · ${code}`}${fault}`, tone: isGood ? "good" : "bad" }
    }
    const word = t(outcomeWords[entry.outcome as keyof typeof outcomeWords])
    const status = entry._tag === "Push" && entry.status !== undefined ? ` · ${entry.status}` : ""
    const isGood = entry.outcome === "acknowledged" || entry.outcome === "passed"
    return { text: word + status + fault, tone: isGood ? "good" : "bad" }
  }

  onChange(setTimeFormat)

  return { kindOf, titleOf, outcomeOf, formatTime: (millis: number): string => timeFormat.format(millis) }
}

export type EntryTexts = ReturnType<typeof makeEntryTexts>
