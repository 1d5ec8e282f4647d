/** Event handlers of plain functions. */
import * as Cause from "effect/Cause"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { identity } from "effect/Function"
import * as Option from "effect/Option"
import { hasProperty } from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as Runtime from "effect/Runtime"
import { BackgroundTasks } from "../../BackgroundTasks.js"
import * as EventHandler from "../../EventHandler.js"
import type { FeishuEvent } from "../../FeishuEvent.js"
import * as FeishuEvents from "../../FeishuEvents.js"
import type * as PromiseApi from "../../PromiseApi.js"
import { isObject } from "../isObject.js"
import * as Lru from "../lru.js"
import { FeishuUsageError } from "./errors.js"

/** Handles an event, or answers a callback. */
type Run = (event: FeishuEvent<unknown>) => Effect.Effect<unknown, unknown, BackgroundTasks>

/** Makes the handler of one type. */
type MakeHandler = (run: Run) => EventHandler.EventHandler<BackgroundTasks>

const event = <A, I>(definition: FeishuEvents.Definition<A, I>): readonly [string, MakeHandler] => [
  definition.type,
  (run) => EventHandler.on(definition, run)
]

const callback = <A, I, Answer, AnswerI>(
  definition: FeishuEvents.CallbackDefinition<A, I, Answer, AnswerI>
): readonly [string, MakeHandler] => [
  definition.type,
  // The definition checks the answer.
  (run) => EventHandler.callback(definition, (event) => Effect.map(run(event), (answer) => answer as Answer | void))
]

/** By type: the events whose payloads are known. */
const events = new Map<string, MakeHandler>([
  event(FeishuEvents.MessageReceived),
  event(FeishuEvents.BotAdded),
  event(FeishuEvents.BotRemoved),
  event(FeishuEvents.BotMenuClicked),
  event(FeishuEvents.AppStatusChanged),
  event(FeishuEvents.AppOpened),
  event(FeishuEvents.AppUninstalled),
  event(FeishuEvents.AppVisibilityAdded),
  event(FeishuEvents.UserCreated),
  event(FeishuEvents.UserUpdated),
  event(FeishuEvents.UserDeleted),
  event(FeishuEvents.DepartmentCreated),
  event(FeishuEvents.DepartmentUpdated),
  event(FeishuEvents.DepartmentDeleted),
  event(FeishuEvents.ContactScopeUpdated)
])

/** By type: the callbacks whose payloads are known. */
const callbacks = new Map<string, MakeHandler>([
  callback(FeishuEvents.CardAction),
  callback(FeishuEvents.LinkPreview)
])

/** Shows the property to the program, and not to `console.log`, `JSON.stringify` or object spread. */
const hidden = <A extends object>(object: A, name: string, value: unknown): A =>
  Object.defineProperty(object, name, { value, enumerable: false })

const plainPayload = (payload: unknown): unknown =>
  hasProperty(payload, "token") && Redacted.isRedacted(payload.token)
    ? hidden({ ...payload, token: undefined }, "token", Redacted.value(payload.token))
    : payload

const plainEvent = (event: FeishuEvent<unknown>): PromiseApi.FeishuEvent<unknown> => {
  const { appId, createdAt, id, payload, raw, tenantKey, type } = event
  const plain = {
    id,
    type,
    appId,
    tenantKey: Option.getOrUndefined(tenantKey),
    createdAt: DateTime.toDateUtc(createdAt),
    payload: plainPayload(payload),
    raw
  }
  return hidden(plain, "raw", raw)
}

/** The calls of an app. */
type Calls = Pick<PromiseApi.Feishu, "fetch" | "request" | "tenantToken">

const contextOf = (
  { tenantKey, type }: PromiseApi.FeishuEvent<unknown>,
  calls: Calls,
  runtime: Runtime.Runtime<BackgroundTasks>,
  signal: AbortSignal
): PromiseApi.HandlerContext => {
  const tenant = () => {
    if (tenantKey !== undefined) return tenantKey
    throw new FeishuUsageError({
      reason: "NoTenant",
      message: `this event of type ${type} names no tenant to call for`
    })
  }
  return {
    signal,
    request: async (call) => calls.request(tenant(), call),
    fetch: async (path, init) => calls.fetch(tenant(), path, init),
    tenantToken: async (options) => calls.tenantToken(tenant(), options),
    afterAnswer: (work) => {
      const task = Effect.tryPromise({ try: async (signal) => work(signal), catch: identity })
      const exit = Runtime.runSyncExit(runtime)(Effect.flatMap(BackgroundTasks, (tasks) => tasks.add(task)))
      if (Exit.isFailure(exit)) throw Cause.squash(exit.cause)
    }
  }
}

type Handle = (event: PromiseApi.FeishuEvent<unknown>, context: PromiseApi.HandlerContext) => unknown

/** Runs a function until its promise settles. Must run uninterruptibly, because nothing can stop a function. */
const runner = (handle: Handle, calls: Calls, handlerTimeout: number): Run => (event) =>
  Effect.flatMap(Effect.runtime<BackgroundTasks>(), (runtime) => {
    const plain = plainEvent(event)
    return Effect.tryPromise({
      try: async () => handle(plain, contextOf(plain, calls, runtime, AbortSignal.timeout(handlerTimeout))),
      catch: identity
    })
  })

/** A program without types may answer anything. */
const objectOrNothing = (type: string) => (answer: unknown): Effect.Effect<object | undefined, FeishuUsageError> =>
  answer === undefined || isObject(answer)
    ? Effect.succeed(answer)
    : new FeishuUsageError({ reason: "Handler", message: `the handler of ${type} must return an object, or nothing` })

/** The most events whose handlers have succeeded that are remembered. */
const maxHandled = 1000

/**
 * Waits for a function that takes longer than the time of the handler, and remembers its success: the event, which the platform pushes
 * again, is then acknowledged without another run.
 */
const once = (handler: EventHandler.EventHandler<BackgroundTasks>): EventHandler.EventHandler<BackgroundTasks> => {
  const handled = Lru.make<string, true>(maxHandled)
  return {
    ...handler,
    handle: (event) =>
      Effect.suspend(() => {
        const name = handler.key(event) ?? event.id
        return handled.get(name) === true
          ? Effect.void
          : Effect.uninterruptible(Effect.tap(handler.handle(event), Effect.sync(() => handled.set(name, true))))
      })
  }
}

/** Collects the handlers of an app until the app is used. */
export const make = (calls: Calls, handlerTimeout: number) => {
  const handlers = new Map<string, EventHandler.EventHandler<BackgroundTasks>>()
  let isClosed = false

  const refuse = (message: string) => {
    throw new FeishuUsageError({ reason: "Handler", message })
  }
  /** A program without types may give anything. */
  const check = (type: string, name: "on" | "callback", handle: unknown): void => {
    if (typeof handle !== "function") refuse(`the handler of ${type} must be a function`)
    if (isClosed) {
      refuse(`the handler of ${type} comes too late: call ${name} before the first delivery, call or ready()`)
    }
    if (handlers.has(type)) refuse(`${type} has a handler: put both into one`)
    if (type === "" || type === "app_ticket") {
      refuse(
        type === "" ? "\"\" is no type of event" : "this library keeps the ticket of app_ticket itself: use ready()"
      )
    }
    if (name === "on" ? callbacks.has(type) : events.has(type)) {
      refuse(
        name === "on"
          ? `${type} is a callback, for which a user waits: use callback`
          : `${type} is an event, whose answer nobody sees: use on`
      )
    }
  }

  return {
    on: (type: string, handle: Handle): void => {
      check(type, "on", handle)
      const run = runner(handle, calls, handlerTimeout)
      handlers.set(type, once(events.get(type)?.(run) ?? EventHandler.on(type, run)))
    },
    callback: (type: string, handle: Handle): void => {
      check(type, "callback", handle)
      const run: Run = (event) =>
        // Also waits for a function that is too slow, so that its error is logged and `close` waits for the function.
        Effect.uninterruptible(
          Effect.map(runner(handle, calls, handlerTimeout)(event), (answer) => answer ?? undefined)
        )
      const handler = callbacks.get(type)?.(run)
        ?? EventHandler.callback(type, (event) => Effect.flatMap(run(event), objectOrNothing(type)))
      handlers.set(type, handler)
    },
    /** Returns the handlers. No other handler can be added after that. */
    close: (): ReadonlyArray<EventHandler.EventHandler<BackgroundTasks>> => {
      isClosed = true
      return [...handlers.values()]
    }
  }
}
