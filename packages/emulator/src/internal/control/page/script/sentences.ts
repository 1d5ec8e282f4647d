/** Says what came of a delivery. */
import type { Delivered } from "./actions.js"
import type { Language } from "./language.js"

export const makeSentences = ({ t }: Language) => (what: string, { outcome, status }: Delivered) => {
  const values = { what, status: status ?? "" }
  switch (outcome) {
    case "acknowledged":
      return { text: t("acknowledged", values), tone: "good" as const }
    case "refused":
      return { text: t(status === null ? "refusedNoStatus" : "refused", values), tone: "bad" as const }
    case "timed out":
      return { text: t("timedOut", values), tone: "bad" as const }
    case "unreachable":
      return { text: t("unreachable", values), tone: "bad" as const }
    case "no request URL":
      return { text: t("noUrl", values), tone: "bad" as const }
    case "lost":
      return { text: t("lost", values), tone: "bad" as const }
    case "pending":
      return { text: t("pending", values), tone: "good" as const }
  }
}
