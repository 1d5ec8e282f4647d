/** Calls the endpoints of the emulator. An error becomes a sentence. */
import type { Language } from "./language.js"

export type Answer<A> = { readonly ok: true; readonly value: A } | { readonly ok: false; readonly sentence: string }

export const makeEndpoints = ({ t }: Language) => {
  interface Failure {
    readonly _tag?: string
    readonly appId?: string
    readonly reason?: string
    readonly description?: string
    readonly issues?: ReadonlyArray<{ readonly path?: ReadonlyArray<unknown>; readonly message?: string }>
  }

  const parse = (text: string): unknown => {
    try {
      return JSON.parse(text)
    } catch {
      return undefined
    }
  }

  const sentenceOf = (status: number, failure: Failure, text: string): string => {
    const { _tag: tag, appId = "", description = "", issues, reason = "" } = failure
    switch (tag) {
      case "UnknownApp":
        return t("errorUnknownApp", { appId })
      case "RequestUrlError":
        return t("errorRequestUrl", { reason })
      case "CallbackError":
        return t("userSeesError", { reason })
      case "NoTicket":
        return t("errorNoTicket")
      case "OptionsError":
        return t("errorOptions", { description })
      case "HttpApiDecodeError":
        return t("errorInput", { field: issues?.[0]?.path?.join(".") ?? "", message: issues?.[0]?.message ?? "" })
      case "NotFound":
        // The page asks only for entries that may be gone.
        return t("errorGone")
      default:
        return t("errorOther", { status, text: text.trim().slice(0, 500) })
    }
  }

  const call = async <A>(method: string, path: string, body?: unknown): Promise<Answer<A>> => {
    try {
      const response = await fetch(`/_emulator${path}`, {
        method,
        ...(body !== undefined && { headers: { "content-type": "application/json" }, body: JSON.stringify(body) })
      })
      const text = await response.text()
      const json = parse(text)
      return response.ok
        ? { ok: true, value: json as A }
        : { ok: false, sentence: sentenceOf(response.status, (json ?? {}) as Failure, text) }
    } catch {
      return { ok: false, sentence: t("errorUnreachable") }
    }
  }

  return { call, parse }
}

export type Endpoints = ReturnType<typeof makeEndpoints>
