/** The page of all error codes, in one of both languages. */
import { ErrorCode } from "@effect-feishu/core"
import { anchorOf } from "./anchors.js"
import { codes, kinds } from "./errorTexts.js"
import type { Language } from "./navigation.js"

const words = {
  en: {
    title: "Error codes",
    intro:
      "Find a code by its number: with the search of this page, or in the address, for example `#99991663`. The library sorts "
      + "each code into one of thirteen kinds (`FeishuApiError.kind`) by what the caller can do.",
    sources:
      "The meanings come from the platform's page “通用错误码” (general error codes), and from live answers quoted in public "
      + "reports. Where the two disagree, this page follows the live answers. The platform has thousands of codes; a code that is "
      + "missing here has the kind `Unknown`.",
    kind: "kind",
    codes: "codes",
    retried: "retried",
    yes: "yes",
    no: "no",
    any: "any other",
    onlyServerErrors: "with a 5xx status only",
    renewed: "once, with a new one",
    cause: "Cause",
    cure: "Cure",
    library: "What the library does",
    kindOf: "Kind",
    open: " (",
    close: ")",
    colon: ": ",
    space: " "
  },
  zh: {
    title: "错误码",
    intro:
      "按数字查找：使用站内搜索，或直接在地址后加上错误码，例如 `#99991663`。本库按“调用方能做什么”把每个错误码归入十三类之一"
      + "（`FeishuApiError.kind`）。",
    sources:
      "含义来自开放平台文档《通用错误码》，以及公开报告中引用的真实响应；两者不一致时，以真实响应为准。平台有数千个错误码，"
      + "此处没有列出的归为 `Unknown`。",
    kind: "类别",
    codes: "错误码",
    retried: "是否重试",
    yes: "是",
    no: "否",
    any: "其他",
    onlyServerErrors: "仅当状态码为 5xx",
    renewed: "换新后重试一次",
    cause: "原因",
    cure: "处理办法",
    library: "本库的处理",
    kindOf: "类别",
    open: "（",
    close: "）",
    colon: "：",
    space: ""
  }
} as const

/** Returns the Markdown of the page. */
export const errorCodesPage = (language: Language): string => {
  const t = words[language]
  const cureOf = (kind: ErrorCode.Kind) => language === "en" ? ErrorCode.advice[kind] : kinds[kind].cure
  const codesOf = (kind: ErrorCode.Kind) =>
    [...ErrorCode.table.values()].filter((errorCode) => errorCode.kind === kind).toSorted((a, b) => a.code - b.code)
  const headingOf = (kind: ErrorCode.Kind) => `${kinds[kind].title[language]}${t.open}\`${kind}\`${t.close}`
  /** A user access token, whose codes have an advice of their own, is not renewed. */
  const retriedCode = ({ advice, kind, retryable }: ErrorCode.ErrorCode) =>
    retryable
      ? t.yes
      : kind === "TicketInvalid" || (kind === "TokenInvalid" && advice === undefined)
      ? t.renewed
      : t.no
  const retriedOf = (kind: ErrorCode.Kind) =>
    kind === "Unknown" ? t.onlyServerErrors : [...new Set(codesOf(kind).map(retriedCode))].join(" / ")

  const section = (errorCode: ErrorCode.ErrorCode) => {
    const { advice, code, kind } = errorCode
    const text = codes.get(code)
    if (text === undefined) throw new Error(`errorTexts.ts does not explain ${code}`)
    const cure = language === "en" ? advice ?? cureOf(kind) : text.cure ?? cureOf(kind)
    return [
      `### ${code}`,
      [
        `- **${t.cause}**${t.colon}${text.cause[language]}`,
        `- **${t.cure}**${t.colon}${cure}${text.hint === undefined ? "" : t.space + text.hint[language]}`,
        `- **${t.kindOf}**${t.colon}[\`${kind}\`](#${anchorOf(headingOf(kind))}) · **${t.retried}**${t.colon}${
          retriedCode(errorCode)
        }`
      ].join("\n")
    ]
  }

  return [
    `---\noutline: 2\neditLink: false\n---`,
    `# ${t.title}`,
    t.intro,
    t.sources,
    [
      `| ${t.kind} | ${t.codes} | ${t.retried} |`,
      "| --- | --- | --- |",
      ...ErrorCode.Kind.literals.map((kind) =>
        `| [\`${kind}\`](#${anchorOf(headingOf(kind))}) | ${
          kind === "Unknown" ? t.any : codesOf(kind).map(({ code }) => `[${code}](#${code})`).join(", ")
        } | ${retriedOf(kind)} |`
      )
    ].join("\n"),
    ...ErrorCode.Kind.literals.flatMap((kind) =>
      [
        `## ${headingOf(kind)}`,
        `**${t.cure}**${t.colon}${cureOf(kind)}`,
        `**${t.library}**${t.colon}${kinds[kind].library[language]}`
      ].concat(codesOf(kind).flatMap(section))
    )
  ].join("\n\n") + "\n"
}
