/**
 * Keeps messages in Redis until a worker has handled them, by BullMQ. A message is handled at least once: if a worker dies
 * or pauses, another worker handles the message again.
 */
import { FeishuEvents } from "@effect-feishu/core"
import { type Job, Queue, UnrecoverableError, WaitingError, Worker } from "bullmq"
import {
  Cause,
  Config,
  type ConfigError,
  Context,
  Duration,
  Effect,
  Either,
  Exit,
  Fiber,
  FiberSet,
  Layer,
  Redacted,
  Runtime,
  Schema,
  type Scope
} from "effect"
import { Redis, type RedisOptions } from "ioredis"

/** What the queue keeps of an event. Leaves out `FeishuEvent.text`, which holds the verification token. */
export const Message = Schema.Struct({
  id: Schema.String,
  tenantKey: Schema.OptionFromNullOr(Schema.String),
  createdAt: Schema.DateTimeUtc,
  payload: FeishuEvents.MessageReceived.payload
})
export type Message = typeof Message.Type

export interface Failed {
  /** The id of the message. */
  readonly id: string
  readonly reason: string
}

export class QueueError extends Schema.TaggedError<QueueError>()("QueueError", {
  operation: Schema.Literal("add", "failed", "putBack"),
  description: Schema.String
}) {
  override get message(): string {
    return `The queue failed (${this.operation}): ${this.description}`
  }
}

export class MessageQueue extends Context.Tag("examples/MessageQueue")<MessageQueue, {
  /** Succeeds when Redis has the message. Adds nothing if the message was added before. */
  readonly add: (message: Message) => Effect.Effect<void, QueueError>
  /**
   * Handles messages until interrupted. Interruption waits for the messages that are being handled, and gives back those that
   * take too long.
   */
  readonly run: <E, R>(handle: (message: Message) => Effect.Effect<unknown, E, R>) => Effect.Effect<never, never, R>
  /** Returns the newest 1,000 messages that failed for good. */
  readonly failed: Effect.Effect<ReadonlyArray<Failed>, QueueError>
  /** Puts a message that failed for good back into the queue, with all its attempts. */
  readonly putBack: (id: string) => Effect.Effect<void, QueueError>
}>() {}

export interface Options {
  readonly url: Redacted.Redacted
  /** A message has failed for good after so many failures, or after so many workers died of the message. */
  readonly attempts: number
  /** The wait after the first failure. Each later wait is twice as long. */
  readonly firstDelay: Duration.Duration
  /** If a worker is silent for so long, other workers take its messages, after twice this time at the latest. */
  readonly lockFor: Duration.Duration
  /** How long a worker that ends waits for the messages that it is handling. */
  readonly grace: Duration.Duration
  /** How many messages one worker handles at once. */
  readonly concurrency: number
}

const name = "feishu-messages"

/** The platform pushes an event again for 7 hours. Until then the queue knows the messages that were handled. */
const rememberFor = Duration.hours(8)

/** Names the message and not the event, because the platform may push a message as two events with different ids. */
const idOf = ({ payload }: Message) => payload.message.message_id

const decode = Schema.decodeUnknownEither(Message)
const encode = Schema.encode(Message)

/** Connects again and again until the scope ends. BullMQ copies the client with its options: the copies end, too. */
const connect = (url: Redacted.Redacted, options: RedisOptions) =>
  Effect.gen(function*() {
    const runFork = Runtime.runFork(yield* Effect.runtime())
    let isOpen = true
    const client = yield* Effect.acquireRelease(
      Effect.sync(() =>
        new Redis(Redacted.value(url), {
          ...options,
          retryStrategy: (attempt) => isOpen ? Math.min(100 * attempt, 2_000) : null
        })
      ),
      (client) =>
        Effect.sync(() => {
          isOpen = false
          client.disconnect()
        })
    )
    const logLoss = () =>
      client.once("close", () => {
        if (!isOpen) return
        runFork(Effect.logWarning("the queue has lost Redis"))
        client.once("ready", () => {
          runFork(Effect.logInfo("the queue has Redis again"))
          logLoss()
        })
      })
    logLoss()
    let last = ""
    /** Logs a failure once, however often the same failure follows. */
    const warn = ({ message }: Error) => {
      if (message !== last) runFork(Effect.logWarning(`the queue: ${message}`))
      last = message
    }
    return { client, runFork, warn }
  })

/** Limits a wait in a finalizer, where the fiber may be interrupted already. */
const within = <A>(limit: Duration.DurationInput, effect: Effect.Effect<A>) =>
  effect.pipe(Effect.timeoutOption(limit), Effect.interruptible, Effect.forkDaemon, Effect.flatMap(Fiber.join))

const run = <E, R>(options: Options, handle: (message: Message) => Effect.Effect<unknown, E, R>) =>
  Effect.gen(function*() {
    // Waits while Redis is away.
    const { client, runFork, warn } = yield* connect(options.url, { maxRetriesPerRequest: null })
    const running = yield* FiberSet.make<unknown, unknown>()
    const start = yield* FiberSet.runtime(running)<R>()
    let isEnding = false

    const attempt = async (job: Job, token?: string) => {
      const message = decode(job.data)
      // A second attempt would fail as well.
      if (Either.isLeft(message)) throw new UnrecoverableError(message.left.message)
      const exit = await new Promise<Exit.Exit<unknown, unknown>>((resolve) =>
        start(Effect.interruptible(handle(message.right))).addObserver(resolve)
      )
      if (Exit.isSuccess(exit)) return
      if (isEnding && Cause.isInterrupted(exit.cause)) {
        await job.moveToWait(token)
        throw new WaitingError()
      }
      const error = Cause.squash(exit.cause)
      throw error instanceof Error ? error : new Error(String(error))
    }

    const open = Effect.sync(() => {
      const lockDuration = Duration.toMillis(options.lockFor)
      const worker = new Worker(name, attempt, {
        connection: client,
        concurrency: options.concurrency,
        lockDuration,
        stalledInterval: lockDuration / 2,
        maxStalledCount: options.attempts - 1,
        // Looks once a second, because a worker that pauses may take the signal that a message is there.
        drainDelay: 1
      })
      worker.on("error", warn)
      worker.on("failed", (job, { message }) => {
        runFork(
          job?.finishedOn === undefined
            ? Effect.logWarning(`message ${job?.id} failed, and is tried again: ${message}`)
            : Effect.logError(`message ${job.id} failed for good: ${message}`)
        )
      })
      return worker
    })

    const close = (worker: Worker) =>
      Effect.gen(function*() {
        isEnding = true
        // Takes no more messages.
        const closed = yield* Effect.forkDaemon(Effect.promise(() => worker.close()))
        yield* within(options.grace, FiberSet.awaitEmpty(running))
        yield* FiberSet.clear(running)
        // While Redis is away, nothing can be given back. Other workers take the messages later.
        yield* within("2 seconds", Fiber.await(closed))
      })

    yield* Effect.acquireRelease(open, close)
    return yield* Effect.never
  }).pipe(Effect.scoped)

export const make = (options: Options): Effect.Effect<typeof MessageQueue.Service, never, Scope.Scope> =>
  Effect.gen(function*() {
    // Fails while Redis is away or silent, so that the platform pushes again.
    const { client, warn } = yield* connect(options.url, { enableOfflineQueue: false, socketTimeout: 2_000 })
    const queue = yield* Effect.acquireRelease(
      Effect.sync(() =>
        new Queue(name, {
          connection: client,
          // If the check failed, the queue would fail for ever.
          skipVersionCheck: true,
          defaultJobOptions: {
            attempts: options.attempts,
            backoff: { type: "exponential", delay: Duration.toMillis(options.firstDelay) },
            removeOnComplete: { age: Duration.toSeconds(rememberFor) },
            removeOnFail: false
          }
        })
      ),
      (queue) => Effect.promise(() => queue.close())
    )
    queue.on("error", warn)

    const ask = <A>(operation: QueueError["operation"], answer: () => Promise<A>) => {
      const failed = (description: string) => new QueueError({ operation, description })
      return Effect.tryPromise({
        try: answer,
        catch: (error) => failed(error instanceof Error ? error.message : String(error))
      }).pipe(
        // A handler of events has 2.5 s.
        Effect.timeoutFail({ duration: "2 seconds", onTimeout: () => failed("no answer within 2 s") })
      )
    }

    return {
      add: (message) =>
        Effect.flatMap(
          Effect.orDie(encode(message)),
          (data) => ask("add", () => queue.add("message", data, { jobId: idOf(message) }))
        ),
      run: (handle) => run(options, handle),
      failed: Effect.map(
        ask("failed", () => queue.getFailed(0, 999)),
        (jobs) => jobs.map(({ failedReason, id = "" }) => ({ id, reason: failedReason }))
      ),
      putBack: (id) =>
        ask("putBack", async () => {
          const job = await queue.getJob(id)
          if (job === undefined) throw new Error(`there is no message ${id}`)
          await job.retry("failed", { resetAttemptsMade: true, resetAttemptsStarted: true })
        })
    }
  })

export const layer = (options: Options): Layer.Layer<MessageQueue> => Layer.scoped(MessageQueue, make(options))

export const config: Config.Config<Options> = Config.all({
  url: Config.redacted("QUEUE_REDIS_URL"),
  attempts: Config.withDefault(Config.integer("QUEUE_ATTEMPTS"), 6),
  firstDelay: Config.withDefault(Config.duration("QUEUE_FIRST_DELAY"), Duration.seconds(10)),
  lockFor: Config.withDefault(Config.duration("QUEUE_LOCK_FOR"), Duration.seconds(30)),
  grace: Config.withDefault(Config.duration("QUEUE_GRACE"), Duration.seconds(20)),
  concurrency: Config.withDefault(Config.integer("QUEUE_CONCURRENCY"), 10)
})

export const layerConfig: Layer.Layer<MessageQueue, ConfigError.ConfigError> = Layer.unwrapEffect(
  Effect.map(config, layer)
)
