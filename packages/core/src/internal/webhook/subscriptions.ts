/**
 * The app and the proof of each subscription, so that the doors and `anyOf` can look at a delivery without a fiber,
 * and name the app in the log.
 */
import type { Proof } from "./proof.js"

interface Known {
  readonly appId: string
  readonly prove: Proof
}

const known = new WeakMap<object, Known>()

export const register = <A extends object>(subscription: A, value: Known): A => {
  known.set(subscription, value)
  return subscription
}

/** Returns `undefined` for a subscription that another program has made, or changed. */
export const get = (subscription: object): Known | undefined => known.get(subscription)
