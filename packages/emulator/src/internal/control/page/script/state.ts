// @effect-diagnostics globalTimers:off -- this runs in the browser
/** The state of the emulator as it was read last, and the chosen app. */
import type * as ControlApi from "../../../../ControlApi.js"
import type { Endpoints } from "./endpoints.js"

export type State = typeof ControlApi.State.Encoded
export type AppState = typeof ControlApi.AppState.Encoded

export const makeState = ({ call }: Endpoints) => {
  /** The shortest time between two reads that nobody waits for. */
  const pause = 1000
  let state: State | undefined
  let chosen: string | undefined
  let readAt = 0
  let begunAt = 0
  let reading: Promise<boolean> | undefined
  let isTimed = false
  const listeners: Array<(state: State) => void> = []
  const readListeners: Array<(state: State) => void> = []

  const app = (): AppState | undefined => state?.apps.find(({ appId }) => appId === chosen) ?? state?.apps[0]

  const show = (): void => {
    if (state !== undefined) { for (const listener of listeners) listener(state) }
  }

  const readOnce = async (): Promise<boolean> => {
    begunAt = performance.now()
    const answer = await call<State>("GET", "/state")
    if (!answer.ok) return false
    state = answer.value
    readAt = performance.now()
    for (const listener of readListeners) listener(state)
    show()
    return true
  }

  /** Reads the state anew. Returns `false` if the emulator does not answer. */
  const read = async (): Promise<boolean> => {
    // A read that has begun may miss what was just done.
    await reading
    reading ??= readOnce().finally(() => {
      reading = undefined
    })
    return reading
  }

  return {
    read,
    /** Reads the state soon, and not more often than each second. */
    readSoon: (): void => {
      if (isTimed) return
      isTimed = true
      setTimeout(() => {
        isTimed = false
        void read()
      }, Math.max(50, begunAt + pause - performance.now()))
    },
    current: () => state,
    app,
    choose: (appId: string): void => {
      chosen = appId
      show()
    },
    /** The time on the platform's clock, which goes on between two reads. */
    now: (): number => state === undefined ? 0 : state.now + performance.now() - readAt,
    show,
    /** Calls the listener after each read. */
    onRead: (listener: (state: State) => void) => void readListeners.push(listener),
    /** Calls the listener after each read, and after another app is chosen. */
    onChange: (listener: (state: State) => void) => void listeners.push(listener)
  }
}

export type StateHolder = ReturnType<typeof makeState>
