const UTF8 = new TextDecoder('utf-8', { fatal: true })
/** Declared by programs that do not know better; what is written is something else more often than not. */
const GUESSED =
  /^(|us-?ascii|ascii|ansi_x3\.4-1968|7bit|8bit|utf-?8|unknown.*|default|none|binary|iso-8859-1|latin-?1|windows-1252|cp1252)$/
const ALIASES: Record<string, string> = {
  cp932: 'shift_jis',
  'windows-31j': 'shift_jis',
  ms932: 'shift_jis',
  'iso-2022-jp-1': 'iso-2022-jp',
  'iso-2022-jp-2': 'iso-2022-jp',
  'iso-2022-jp-3': 'iso-2022-jp',
  'iso-2022-jp-ms': 'iso-2022-jp',
  cp50220: 'iso-2022-jp',
  cp936: 'gbk',
  cp949: 'euc-kr',
  'ks_c_5601-1987': 'euc-kr',
  cp950: 'big5',
  'iso-8859-8-e': 'iso-8859-8',
  macroman: 'macintosh',
}

/**
 * Bytes as text. A declaration counts while the bytes keep to it; where they do not, or where it is one that is often wrong, they
 * are UTF-8 if they can be, else what was declared, else windows-1252. Undefined for a charset that nothing here knows.
 */
export function decodeBytes(bytes: Uint8Array, declared: string): string | undefined {
  const label = labelOf(declared)
  if (GUESSED.test(label)) return asUtf8(bytes) ?? decoderOf('windows-1252')!.decode(bytes)
  const decoder = decoderOf(label)
  return decoder && (strictly(bytes, label) ?? asUtf8(bytes) ?? decoder.decode(bytes))
}

/** The same, guessed for whatever nobody knows. */
export function textOfBytes(bytes: Uint8Array, declared = ''): string {
  return decodeBytes(bytes, declared) ?? asUtf8(bytes) ?? decoderOf('windows-1252')!.decode(bytes)
}

function labelOf(declared: string): string {
  const label = declared
    .trim()
    .toLowerCase()
    .replace(/^["']|["']$/g, '')
    .slice(0, 60)
  return (
    ALIASES[label] ??
    label
      .replace(/^iso_?8859/, 'iso-8859')
      .replace(/^cp(125\d)$/, 'windows-$1')
      .replace(/^utf(\d)/, 'utf-$1')
  )
}

function asUtf8(bytes: Uint8Array): string | undefined {
  try {
    return UTF8.decode(bytes)
  } catch {
    return undefined
  }
}

function strictly(bytes: Uint8Array, label: string): string | undefined {
  try {
    return new TextDecoder(label, { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}

function decoderOf(label: string): InstanceType<typeof TextDecoder> | undefined {
  try {
    return new TextDecoder(label)
  } catch {
    return undefined
  }
}
