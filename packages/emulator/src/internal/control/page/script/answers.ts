/** Shows the answer to a callback as the user sees it. */
import type { Dom } from "./dom.js"
import type { Language } from "./language.js"

export type Shown = Readonly<Record<string, unknown>>

export const makeAnswers = ({ make }: Dom, { current, t }: Language) => {
  const isObject = (value: unknown): value is Shown =>
    typeof value === "object" && value !== null && !Array.isArray(value)

  const textIn = (texts: unknown): string | undefined => {
    if (!isObject(texts)) return undefined
    const text = texts[current() === "zh" ? "zh_cn" : "en_us"]
    return typeof text === "string" ? text : undefined
  }

  const toastWords = {
    info: "toastInfo",
    success: "toastSuccess",
    error: "toastError",
    warning: "toastWarning"
  } as const

  const toast = ({ content, i18n, type }: Shown): HTMLElement => {
    const kind = typeof type === "string" && type in toastWords ? type as keyof typeof toastWords : "info"
    return make("p", {
      class: `toast ${kind}`,
      children: [
        make("b", { text: t(toastWords[kind]) }),
        make("span", { text: textIn(i18n) ?? (typeof content === "string" ? content : "") })
      ]
    })
  }

  const json = (title: string, value: unknown): ReadonlyArray<HTMLElement> => [
    make("h3", { text: title }),
    make("pre", { text: JSON.stringify(value, null, 2), attributes: { tabindex: "0", "aria-label": title } })
  ]

  const inline = (value: Shown): ReadonlyArray<HTMLElement> => {
    const { i18n_title: titles, title, ...others } = value
    return [
      make("h3", { text: t("preview") }),
      make("p", {
        class: "toast info",
        children: [make("span", { text: textIn(titles) ?? (typeof title === "string" ? title : "") })]
      }),
      ...(Object.keys(others).length > 0 ? json(t("otherAnswer"), others) : [])
    ]
  }

  /** Shows an answer to a callback as the user sees it. */
  const answerOf = (answer: Shown): ReadonlyArray<HTMLElement> => {
    const { card, inline: preview, toast: note, ...others } = answer
    return [
      make("h3", { text: t("userSees") }),
      ...(Object.keys(answer).length === 0 ? [make("p", { text: t("seesNothing") })] : []),
      ...(isObject(note) ? [toast(note)] : []),
      ...(isObject(preview) ? inline(preview) : []),
      ...(card === undefined ? [] : json(t("newCard"), card)),
      ...(Object.keys(others).length > 0 ? json(t("otherAnswer"), others) : [])
    ]
  }

  return { answerOf, isObject }
}

export type Answers = ReturnType<typeof makeAnswers>
