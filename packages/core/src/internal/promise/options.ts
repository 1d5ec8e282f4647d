/** Checks the options of an app, and reads them from the variables of the process. */
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Redacted from "effect/Redacted"
import { EventSubscriptionError } from "../../EventSubscription.js"
import * as FeishuApp from "../../FeishuApp.js"
import type { MoreOptions, Options } from "../../PromiseApi.js"
import { isObject } from "../isObject.js"
import { FeishuUsageError, valueOf } from "./errors.js"
import { isStores } from "./stores.js"

type Field = FeishuApp.FeishuAppError["field"]

const wrong = (field: Field, problem: string): never => {
  throw new FeishuApp.FeishuAppError({ field, problem })
}

/** A program without types may give anything. */
const isText = (value: unknown): value is string => typeof value === "string"

const required = (field: "appId" | "appSecret", value: unknown): string =>
  isText(value) ? value : wrong(field, "is missing or no string: give it the value from the developer console")

const optionalSecret = (field: "encryptKey" | "verificationToken", value: unknown) =>
  value === undefined
    ? undefined
    : isText(value)
    ? Redacted.make(value)
    : wrong(field, "is no string: leave it out if the app has none")

const baseUrlOf = ({ baseUrl, domain }: Options): string | undefined => {
  if (domain === undefined) return baseUrl === undefined || isText(baseUrl) ? baseUrl : wrong("baseUrl", "is no string")
  if (baseUrl !== undefined) return wrong("baseUrl", "and domain are both given: give only one of them")
  return domain === "lark"
    ? FeishuApp.lark
    : domain === "feishu"
    ? FeishuApp.feishu
    : wrong("baseUrl", "is given by domain, which must be feishu or lark")
}

const refuse = (message: string): never => {
  throw new FeishuUsageError({ reason: "Options", message })
}

const checkObject = (options: unknown): void => {
  if (!isObject(options)) refuse("the options must be an object")
}

/** A text such as "false" is no boolean. */
const checkBoolean = (name: string, value: unknown): void => {
  if (value !== undefined && typeof value !== "boolean") refuse(`${name} must be true or false`)
}

/** Returns the app. Throws a `FeishuUsageError` or a `FeishuAppError`. */
export const appOf = (options: Options): FeishuApp.Service => {
  checkObject(options)
  checkBoolean("allowHttp", options.allowHttp)
  return valueOf(Effect.runSyncExit(FeishuApp.make({
    appId: required("appId", options.appId),
    appSecret: Redacted.make(required("appSecret", options.appSecret)),
    encryptKey: optionalSecret("encryptKey", options.encryptKey),
    verificationToken: optionalSecret("verificationToken", options.verificationToken),
    kind: options.kind,
    baseUrl: baseUrlOf(options),
    allowHttp: options.allowHttp
  })))
}

/** Returns the app of the variables. Throws a `FeishuUsageError` or a `FeishuAppError`. */
export const appOfEnvironment = (): FeishuApp.Service => {
  const read = Effect.runSync(
    Effect.either(Effect.withConfigProvider(FeishuApp.config, ConfigProvider.fromEnv()))
  )
  return Either.match(read, {
    onLeft: (error) => {
      throw new FeishuUsageError({ reason: "Environment", message: `a variable is missing or wrong: ${error}` })
    },
    onRight: (options) => valueOf(Effect.runSyncExit(FeishuApp.make(options)))
  })
}

const isPositive = (value: number): boolean => Number.isFinite(value) && value > 0

const isCount = (value: number): boolean => Number.isInteger(value) && value > 0

type NumberOption = readonly [name: string, value: unknown, isRight: (value: number) => boolean, must: string]

const checkNumber = ([name, value, isRight, must]: NumberOption): void => {
  if (value !== undefined && (typeof value !== "number" || !isRight(value))) refuse(`${name} must be ${must}`)
}

const aTime = "more than 0 milliseconds"

const numbers = (options: MoreOptions): ReadonlyArray<NumberOption> => [
  ["ticketTimeout", options.ticketTimeout, isPositive, aTime],
  [
    "handlerTimeout",
    options.handlerTimeout,
    (value) => isPositive(value) && value < 3000,
    "more than 0 milliseconds, and less than the 3,000 for which the platform waits"
  ],
  ["retry.retries", options.retry?.retries, (value) => value === 0 || isCount(value), "0 or a positive integer"],
  ["retry.attemptTimeout", options.retry?.attemptTimeout, isPositive, aTime],
  ["retry.totalTimeout", options.retry?.totalTimeout, isPositive, aTime],
  ["background.capacity", options.background?.capacity, isCount, "a positive integer"],
  ["background.concurrency", options.background?.concurrency, isCount, "a positive integer"],
  [
    "background.drainFor",
    options.background?.drainFor,
    (value) => value === 0 || isPositive(value),
    "0 milliseconds or more"
  ]
]

/** Throws a `FeishuUsageError` if the timeout of `ready` is wrong. */
export const checkTimeout = (value: unknown): void => checkNumber(["timeout", value, isPositive, aTime])

const isStore = (store: object): boolean =>
  isStores(store) || ["get", "set", "delete"].every((name) => typeof Reflect.get(store, name) === "function")

/** Throws a `FeishuUsageError` if an option is wrong. */
export const check = (options: MoreOptions): void => {
  checkObject(options)
  numbers(options).forEach(checkNumber)
  const { fetch, logger, store, storeTokens } = options
  checkBoolean("storeTokens", storeTokens)
  if (fetch !== undefined && typeof fetch !== "function") refuse("fetch must be a function")
  if (logger !== undefined && logger !== false && typeof logger !== "function") {
    refuse("logger must be a function, or false")
  }
  if (store !== undefined && !(typeof store === "object" && store !== null && isStore(store))) {
    refuse("store must have the methods get, set and delete, or come from @effect-feishu/redis/promise")
  }
}

/** The app cannot prove a delivery. */
export const unprovable = () =>
  new EventSubscriptionError({
    field: "encryptKey",
    problem:
      "and verificationToken are both missing, so anybody could send this app a ticket: give one of them, from the developer "
      + "console's \"Encryption Strategy\""
  })
