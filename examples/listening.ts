/** Servers of `node:http` that end with their scope. */
import { Effect } from "effect"
import { once } from "node:events"
import type { Server } from "node:http"

/** Accepts no more, and waits for the answers that are under way. After 3 s, ends the connections that are left. */
export const end = (
  server: Server,
  close: Effect.Effect<void> = Effect.async<void>((resume) => void server.close(() => resume(Effect.void)))
) =>
  close.pipe(
    Effect.interruptible,
    Effect.timeout("3 seconds"),
    // A connection that sends nothing would stay open.
    Effect.catchAll(() => Effect.sync(() => server.closeAllConnections()))
  )

/** Listens until the scope ends. */
export const listening = (listen: () => Server) =>
  Effect.acquireRelease(
    Effect.tryPromise(async () => {
      const server = listen()
      await once(server, "listening")
      return server
    }),
    (server) => end(server)
  )
