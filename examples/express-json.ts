/** A body parser of Express that keeps the bytes of the body, for an app whose body parser has to come before the request URL. */
import express from "express"

/** The signature of a delivery covers the bytes. This library reads 1,000,000 bytes at most. */
export const parser = express.json({
  limit: "1mb",
  verify: (request, _, bytes) => void Object.assign(request, { rawBody: bytes })
})
