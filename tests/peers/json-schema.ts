import { createRequire } from 'node:module'

/** Checks values against the JSON schemas of an OpenAPI 3.1 document, formats included. The checker is the validator's own. */

type Check = ((value: unknown) => boolean) & { errors?: unknown[] | null }
type Ajv = {
  addSchema(schema: object, id: string): unknown
  addFormat(name: string, format: RegExp): unknown
  compile(schema: object): Check
}

const require = createRequire(import.meta.resolve('@seriousme/openapi-schema-validator'))
const Ajv2020 = require('ajv/dist/2020.js').default as new (options: object) => Ajv
const addFormats = require('ajv-formats').default as (ajv: Ajv) => void

const checkers = new WeakMap<object, { ajv: Ajv; checks: Map<string, Check> }>()

/** What is wrong with a value by a schema of the document; [] where nothing is. */
export function schemaErrors(document: object, schema: object, value: unknown): unknown[] {
  const { ajv, checks } = checkerOf(document)
  const text = JSON.stringify(schema).replaceAll('"#/', '"document#/')
  const check = checks.get(text) ?? ajv.compile(JSON.parse(text) as object)
  checks.set(text, check)
  return check(value) ? [] : [...check.errors!]
}

function checkerOf(document: object) {
  const known = checkers.get(document)
  if (known) return known
  const ajv = new Ajv2020({ strict: false, allErrors: true, validateSchema: false })
  addFormats(ajv)
  ajv.addFormat('base64', /^[A-Za-z0-9+/]*={0,2}$/)
  ajv.addSchema(document, 'document')
  const made = { ajv, checks: new Map<string, Check>() }
  checkers.set(document, made)
  return made
}
