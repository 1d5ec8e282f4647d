/** The headers, bodies and fields of one entry. */
import type { Key } from "../words.js"
import type { Dom } from "./dom.js"
import type { Endpoints } from "./endpoints.js"
import type { Entry, EntryTexts } from "./entryTexts.js"
import type { Language } from "./language.js"

export const makeEntryView = ({ make }: Dom, { t }: Language, { parse }: Endpoints, texts: EntryTexts) => {
  const fields = (pairs: ReadonlyArray<readonly [Key, string | undefined]>): HTMLElement =>
    make("dl", {
      children: pairs.flatMap(([key, value]) =>
        value === undefined || value === "" ? [] : [make("dt", { text: t(key) }), make("dd", { text: value })]
      )
    })

  const pretty = (text: string): string => {
    const json = parse(text)
    return json === undefined ? text : JSON.stringify(json, null, 2)
  }

  const message = (title: Key, given: { headers: Readonly<Record<string, string>>; text: string }) => [
    make("h3", { text: t(title) }),
    given.text === ""
      ? make("p", { class: "hint", text: t("empty") })
      : make("pre", { text: pretty(given.text), attributes: { tabindex: "0", "aria-label": t(title) } }),
    make("details", {
      attributes: Object.keys(given.headers).length > 0 ? { open: "" } : {},
      children: [
        make("summary", { text: t("headers") }),
        make("dl", {
          class: "mono",
          children: Object.entries(given.headers).flatMap(([name, value]) => [
            make("dt", { text: name }),
            make("dd", { text: value })
          ])
        })
      ]
    })
  ]

  const origins = { platform: "originPlatform", forged: "originForged", replayed: "originReplayed" } as const
  const bearers = { none: "bearerNone", valid: "bearerValid", invalid: "bearerInvalid" } as const

  const summary = (entry: Entry): HTMLElement => {
    const common = [
      ["time", texts.formatTime(entry.at)],
      ["took", `${Math.round(entry.endedAt - entry.at)} ms`],
      ["outcome", texts.outcomeOf(entry).text],
      ["app", entry.appId]
    ] as const
    switch (entry._tag) {
      case "Call":
        return fields([
          ...common,
          ["tenant", entry.tenantKey],
          ["query", entry.query],
          ["bearer", t(bearers[entry.token])],
          ["fault", entry.fault],
          ["logId", entry.logId]
        ])
      case "Handshake":
        return fields([...common, ["reason", entry.reason]])
      case "Push":
        return fields([
          ...common,
          ["tenant", entry.tenantKey],
          ["eventId", entry.eventId],
          ["attempt", String(entry.attempt)],
          ["origin", t(origins[entry.origin])],
          ["fault", entry.fault]
        ])
    }
  }

  const messages = (entry: Entry): ReadonlyArray<Node> => {
    if (entry._tag === "Handshake") return []
    const { received, sent } = entry
    const [question, answer] = entry._tag === "Call" ? [received, sent] : [sent, received]
    if (question === undefined && answer === undefined) return [make("p", { class: "hint", text: t("noDetails") })]
    return [
      ...(question === undefined ? [] : message(entry._tag === "Call" ? "request" : "delivery", question)),
      ...(answer === undefined
        ? [make("h3", { text: t("answer") }), make("p", { class: "hint", text: t("noAnswerThere") })]
        : message("answer", answer))
    ]
  }

  return { summary, messages }
}

export type EntryView = ReturnType<typeof makeEntryView>
