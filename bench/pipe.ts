import { createReadStream, createWriteStream } from 'node:fs'
import { createServer } from 'node:http'
import { pipeline } from 'node:stream'
import { createDeflateRaw } from 'node:zlib'
import express from 'express'
import { announce } from './control-turn.ts'

/** The least that takes a file in and gives it out: a bare Express handler that pipes. `node pipe.js <file>` */

const file = process.argv[2] ?? ''
const app = express()
app.post('/', (req, res) => pipeline(req, createWriteStream(file), (error) => res.status(error ? 500 : 201).end()))
app.get('/', (_req, res) => pipeline(createReadStream(file), res, () => {}))
app.get('/deflated', (_req, res) => pipeline(createReadStream(file), createDeflateRaw(), res, () => {}))
announce(createServer(app))
process.on('SIGTERM', () => process.exit(0))
