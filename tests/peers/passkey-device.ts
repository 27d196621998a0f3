import { createHash, generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto'

/** What the options of the server hold that a device looks at. */
type Asked = { challenge: string; rp?: { id: string }; rpId?: string; user?: { id: string } }
type Ways = { origin?: string; rpId?: string; userVerified?: boolean; counter?: number; userHandle?: string | null }

const USER_PRESENT = 1
const USER_VERIFIED = 4
const NEW_CREDENTIAL = 64

/** A device with one passkey (ES256, no attestation), in a browser on the page of `origin`. */
export class PasskeyDevice {
  readonly id = randomBytes(16).toString('base64url')
  counter = 0
  #origin: string
  #key: KeyObject
  #point: { x: string; y: string }
  #userHandle: string | undefined

  constructor(origin: string) {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    this.#origin = origin
    this.#key = privateKey
    this.#point = publicKey.export({ format: 'jwk' }) as { x: string; y: string }
  }

  /** What navigator.credentials.create() answers. */
  create(asked: Asked, ways: Ways = {}) {
    this.#userHandle = asked.user?.id
    const data = this.#authenticatorData(ways.rpId ?? asked.rp!.id, NEW_CREDENTIAL, ways)
    const id = Buffer.from(this.id, 'base64url')
    const bytes = Buffer.concat([data, Buffer.alloc(16), uint16(id.length), id, this.#coseKey()])
    // A CBOR map: fmt "none", attStmt {}, authData.
    const attestation = [
      cborText('fmt'),
      cborText('none'),
      cborText('attStmt'),
      Buffer.from([0xa0]),
      cborText('authData'),
    ]
    const attestationObject = Buffer.concat([
      Buffer.from([0xa3]),
      ...attestation,
      Buffer.from([0x59]),
      uint16(bytes.length),
      bytes,
    ])
    const clientDataJSON = this.#clientData('webauthn.create', asked.challenge, ways)
    return this.#credential({
      clientDataJSON,
      attestationObject: attestationObject.toString('base64url'),
      transports: ['internal'],
    })
  }

  /** What navigator.credentials.get() answers. */
  get(asked: Asked, ways: Ways = {}) {
    this.counter = ways.counter ?? this.counter + 1
    const data = this.#authenticatorData(ways.rpId ?? asked.rpId!, 0, ways)
    const clientDataJSON = this.#clientData('webauthn.get', asked.challenge, ways)
    const clientDataHash = sha256(Buffer.from(clientDataJSON, 'base64url'))
    const signature = sign('sha256', Buffer.concat([data, clientDataHash]), this.#key).toString('base64url')
    const userHandle = ways.userHandle === undefined ? this.#userHandle : ways.userHandle
    return this.#credential({ clientDataJSON, authenticatorData: data.toString('base64url'), signature, userHandle })
  }

  #credential<T>(response: T) {
    return { id: this.id, rawId: this.id, type: 'public-key', response, clientExtensionResults: {} }
  }

  #clientData(type: string, challenge: string, ways: Ways): string {
    const data = { type, challenge, origin: ways.origin ?? this.#origin, crossOrigin: false }
    return Buffer.from(JSON.stringify(data)).toString('base64url')
  }

  #authenticatorData(rpId: string, flags: number, { userVerified = true }: Ways): Buffer {
    const counter = Buffer.alloc(4)
    counter.writeUInt32BE(this.counter)
    const all = flags | USER_PRESENT | (userVerified ? USER_VERIFIED : 0)
    return Buffer.concat([sha256(Buffer.from(rpId)), Buffer.from([all]), counter])
  }

  /** {1: 2 (EC2), 3: -7 (ES256), -1: 1 (P-256), -2: x, -3: y} */
  #coseKey(): Buffer {
    const [x, y] = [Buffer.from(this.#point.x, 'base64url'), Buffer.from(this.#point.y, 'base64url')]
    const head = Buffer.from([0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20])
    return Buffer.concat([head, x, Buffer.from([0x22, 0x58, 0x20]), y])
  }
}

const sha256 = (bytes: Buffer): Buffer => createHash('sha256').update(bytes).digest()
const cborText = (text: string): Buffer => Buffer.concat([Buffer.from([0x60 + text.length]), Buffer.from(text)])

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(value)
  return bytes
}
