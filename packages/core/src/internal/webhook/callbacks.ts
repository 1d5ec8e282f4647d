/** The types of events that are callbacks, and the answers if there is no other (page "回调概述"). */

/** The JSON object that the platform shows to the user. */
export type Answer = Readonly<Record<string, unknown>>

/** Shows nothing to the user. */
export const nothing: Answer = {}

/** Pages "卡片回传交互" and "拉取链接预览数据". */
const types: ReadonlySet<string> = new Set(["card.action.trigger", "url.preview.get"])

/** Returns `true` if the platform shows the answer to a user who waits. */
export const isCallback = (type: string): boolean => types.has(type)

/** Tells the user about a failure of the handler. */
export const failureToast = {
  type: "error",
  content: "Something went wrong. Please try again later.",
  i18n: { zh_cn: "操作失败，请稍后重试。", en_us: "Something went wrong. Please try again later." }
} as const

const failedCardAction: Answer = { toast: failureToast }

/** Returns the answer that tells the user about a failure: a toast for a card, and nothing for a preview. */
export const failed = (type: string): Answer => type === "card.action.trigger" ? failedCardAction : nothing
