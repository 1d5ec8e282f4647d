/** Finds options and rules that are wrong, or that can never apply. */
import { FeishuEvents } from "@effect-feishu/core"
import * as Duration from "effect/Duration"
import * as Redacted from "effect/Redacted"
import * as Http from "node:http"
import type { App, CannedAnswer, RateLimit } from "../App.js"
import { OptionsError } from "../EmulatorError.js"
import type { Fault, PushFault, Rule } from "../Fault.js"
import * as Answers from "./platform/answers.js"
import * as Paths from "./platform/paths.js"

const wrong = (option: string, description: string) => new OptionsError({ option, description })

export const flawOfApps = (apps: ReadonlyArray<App>): OptionsError | undefined => {
  const ids = apps.map(({ appId }) => appId)
  const twice = ids.find((id, i) => ids.indexOf(id) !== i)
  const withoutSecret = apps.find(({ appSecret }) => Redacted.value(appSecret) === "")
  return twice !== undefined
    ? wrong("apps", `two apps have the id ${twice}`)
    : ids.includes("")
    ? wrong("apps", "an app has no id")
    : withoutSecret !== undefined
    ? wrong("apps", `${withoutSecret.appId} has an empty secret`)
    : undefined
}

export const flawOfLimits = (limits: ReadonlyArray<RateLimit>): OptionsError | undefined => {
  for (const { calls, path, per } of limits) {
    const flaw = Paths.flawOf(path)
    if (flaw !== undefined) return wrong("limits", flaw)
    if (!Number.isInteger(calls) || calls < 0) return wrong("limits", `${calls} calls to ${path}: give a whole number`)
    const seconds = Duration.toSeconds(per)
    if (!Number.isInteger(seconds) || seconds < 1) {
      return wrong("limits", `the window for ${path}: give whole seconds, 1 or more`)
    }
  }
  return undefined
}

const methods = new Set(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"])

export const flawOfAnswers = (answers: ReadonlyArray<CannedAnswer>): OptionsError | undefined => {
  for (const { body, method, path, status = 200 } of answers) {
    const flaw = Paths.flawOf(path)
    if (flaw !== undefined) return wrong("answers", flaw)
    if (Paths.isAuth(path)) return wrong("answers", `${path} is answered by the emulator itself: use Fault.Answer`)
    if (!Number.isInteger(status) || status < 200 || status > 599) {
      return wrong("answers", `the status of ${path} is ${status}: give one from 200 to 599`)
    }
    if (method !== undefined && !methods.has(method)) {
      return wrong("answers", `the method of ${path} is "${method}": give one of ${[...methods].join(", ")}`)
    }
    if (path === Paths.paths.tenantQuery && method !== undefined && method !== "GET") {
      return wrong("answers", `the platform knows ${path} by GET only`)
    }
    const flawOfBody = Answers.flawOfBody(body)
    if (flawOfBody !== undefined) return wrong("answers", `the body for ${path} is ${flawOfBody}`)
  }
  return undefined
}

/** `option`: `tickets` or `tokens`. */
export const flawOfEarlier = (
  option: "tickets" | "tokens",
  apps: ReadonlyArray<App>,
  earlier: ReadonlyArray<{ readonly appId: string }>
): OptionsError | undefined => {
  const other = earlier.find(({ appId }) => !apps.some((app) => app.appId === appId))
  return other === undefined
    ? undefined
    : wrong(option, `a ${option.slice(0, -1)} is of ${other.appId}, which is none of the apps`)
}

/** The headers that the emulator writes itself. */
const framing = new Set(["content-length", "transfer-encoding", "connection", "trailer"])

const flawOfHeader = (name: string, value: string): string | undefined => {
  if (framing.has(name.toLowerCase())) return `the header ${name} cannot be set, because the emulator writes it`
  try {
    Http.validateHeaderName(name)
    Http.validateHeaderValue(name, value)
    return undefined
  } catch {
    return `the header ${JSON.stringify(name)} cannot be sent: ${JSON.stringify(value)}`
  }
}

const flawOfStatus = (status: number): string | undefined =>
  Number.isInteger(status) && status >= 200 && status <= 599
    ? undefined
    : `the status ${status} cannot be sent: give one from 200 to 599`

/** Returns why the answer of a fault cannot be sent. */
const flawOfFault = (fault: Fault | PushFault): string | undefined => {
  switch (fault._tag) {
    case "Answer":
      return flawOfStatus(fault.status)
        ?? Object.entries(fault.headers).map(([name, value]) => flawOfHeader(name, value)).find((flaw) => flaw)
    case "Refuse":
      return flawOfStatus(fault.status)
        ?? (Number.isInteger(fault.code) ? undefined : `the code ${fault.code} is no whole number`)
        ?? (fault.resetSeconds === undefined || (Number.isInteger(fault.resetSeconds) && fault.resetSeconds >= 0)
          ? undefined
          : `resetSeconds is ${fault.resetSeconds}: give a whole number, 0 or above`)
    case "ContentType":
      return flawOfHeader("content-type", fault.contentType)
    default:
      return undefined
  }
}

const flawOfWhen = (when: Rule<unknown>["when"]): string | undefined => {
  switch (when._tag) {
    case "Next":
      return Number.isInteger(when.count) && when.count > 0
        ? undefined
        : `next(${when.count}): give a whole number above 0`
    case "Every":
      return Number.isInteger(when.nth) && when.nth > 0 ? undefined : `every(${when.nth}): give a whole number above 0`
    case "WithProbability":
      return when.probability > 0 && when.probability <= 1
        ? undefined
        : `withProbability(${when.probability}): give a number above 0, and 1 at most`
  }
}

const flawOfRule = (rule: Rule<Fault | PushFault>, flawOfSubject: (subject: string) => string | undefined) =>
  flawOfWhen(rule.when)
    ?? (rule.only?.length === 0 ? "a rule for no path and no type never applies" : undefined)
    ?? rule.only?.map(flawOfSubject).find((flaw) => flaw !== undefined)

const flawOfRules = (
  option: string,
  faults: ReadonlyArray<Fault | PushFault | Rule<Fault | PushFault>>,
  flawOfSubject: (subject: string) => string | undefined
): OptionsError | undefined => {
  for (const fault of faults) {
    const flaw = "_tag" in fault
      ? flawOfFault(fault)
      : flawOfFault(fault.fault) ?? flawOfRule(fault, flawOfSubject)
    if (flaw !== undefined) return wrong(option, flaw)
  }
  return undefined
}

export const flawOfFaults = (faults: ReadonlyArray<Fault | Rule<Fault>>): OptionsError | undefined =>
  flawOfRules("faults", faults, Paths.flawOf)

/** Nothing goes wrong with a callback, because the platform sends a callback once. */
const callbacks = new Set<string>([FeishuEvents.CardAction.type, FeishuEvents.LinkPreview.type])

const flawOfType = (type: string): string | undefined =>
  type === ""
    ? "an event has no empty type"
    : type.startsWith("/")
    ? `${type} is a path: a rule for pushes is for types of events`
    : callbacks.has(type)
    ? `${type} is a callback: a rule for pushes is for events`
    : undefined

export const flawOfPushFaults = (faults: ReadonlyArray<PushFault | Rule<PushFault>>): OptionsError | undefined =>
  flawOfRules("pushFaults", faults, flawOfType)
