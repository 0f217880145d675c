import { expect, test } from 'vitest'
import { AsnParser, ECDSASigValue } from './asn1.ts'

const parse = (hex: string) => {
  const { r, s } = AsnParser.parse(Uint8Array.from(Buffer.from(hex, 'hex')), ECDSASigValue)
  return [Buffer.from(r).toString('hex'), Buffer.from(s).toString('hex')]
}

test('the two integers of a signature, short and long', () => {
  expect(parse('3006020101020102')).toEqual(['01', '02'])
  expect(parse('30070202008002017f')).toEqual(['0080', '7f'])
  const long = 'ab'.repeat(66)
  expect(parse(`308188${`0242${long}`}${`0242${long}`}`)).toEqual([long, long])
})

test.each([
  ['nothing', ''],
  ['another tag', '3106020101020102'],
  ['an integer too few', '3003020101'],
  ['something behind it', '300602010102010200'],
  ['something within', '300802010102010205ff'],
  ['a length beyond the end', '3007020101020102'],
  ['an indefinite length', '30800201010201020000'],
  ['a length in a longer form than needed', '308106020101020102'],
])('%s is none', (_, hex) => {
  expect(() => parse(hex)).toThrow(TypeError)
})
