/** CRC-64/XZ (ECMA-182, reflected). */
const POLYNOMIAL = 0xc96c_5795_d787_0f42n;
const HIGH_BIT = 1n << 63n;
/** The polynomial x^8 in reflected order, for one byte. */
const ONE_BYTE = 1n << 55n;
const MASK = 0xffff_ffff_ffff_ffffn;
const BYTE_VALUES = 256;

/** The lower and the upper halves of eight tables of 256 entries, for eight bytes at once. */
const LOW = new Int32Array(8 * BYTE_VALUES);
const HIGH = new Int32Array(8 * BYTE_VALUES);
fillTables();

function fillTables(): void {
  for (let value = 0; value < BYTE_VALUES; value += 1) {
    let entry = BigInt(value);
    for (let bit = 0; bit < 8; bit += 1) entry = divide(entry);
    LOW[value] = Number(BigInt.asIntN(32, entry));
    HIGH[value] = Number(BigInt.asIntN(32, entry >> 32n));
  }
  for (let index = BYTE_VALUES; index < LOW.length; index += 1) {
    const low = at(LOW, index - BYTE_VALUES);
    const high = at(HIGH, index - BYTE_VALUES);
    LOW[index] = ((high << 24) | (low >>> 8)) ^ at(LOW, low & 0xff);
    HIGH[index] = (high >>> 8) ^ at(HIGH, low & 0xff);
  }
}

/** Divides a polynomial by x. */
function divide(value: bigint): bigint {
  return (value & 1n) === 0n ? value >> 1n : (value >> 1n) ^ POLYNOMIAL;
}

function at(numbers: Int32Array | Buffer, index: number): number {
  return numbers[index] as number;
}

/**
 * Computes the checksum of the header `x-cos-hash-crc64ecma`.
 * @see https://cloud.tencent.com/document/product/436/40334
 */
export class Crc64 {
  #low = -1;
  #high = -1;

  /** Appends bytes. */
  update(chunk: Buffer): void {
    let [low, high, next] = [this.#low, this.#high, 0];
    for (const end = chunk.byteLength - 7; next < end; next += 8) {
      const a = low ^ readWord(chunk, next);
      const b = high ^ readWord(chunk, next + 4);
      low = xorOf(LOW, a, b);
      high = xorOf(HIGH, a, b);
    }
    for (; next < chunk.byteLength; next += 1) {
      const index = (low ^ at(chunk, next)) & 0xff;
      low = ((high << 24) | (low >>> 8)) ^ at(LOW, index);
      high = (high >>> 8) ^ at(HIGH, index);
    }
    this.#low = low;
    this.#high = high;
  }

  /** Returns the checksum of the bytes so far. */
  digest(): bigint {
    return ((BigInt(this.#high >>> 0) << 32n) | BigInt(this.#low >>> 0)) ^ MASK;
  }
}

/** Faster than `readInt32LE`, which checks its arguments. */
function readWord(chunk: Buffer, from: number): number {
  return (
    at(chunk, from) |
    (at(chunk, from + 1) << 8) |
    (at(chunk, from + 2) << 16) |
    (at(chunk, from + 3) << 24)
  );
}

function xorOf(table: Int32Array, a: number, b: number): number {
  return (
    at(table, 1_792 + (a & 0xff)) ^
    at(table, 1_536 + ((a >>> 8) & 0xff)) ^
    at(table, 1_280 + ((a >>> 16) & 0xff)) ^
    at(table, 1_024 + (a >>> 24)) ^
    at(table, 768 + (b & 0xff)) ^
    at(table, 512 + ((b >>> 8) & 0xff)) ^
    at(table, 256 + ((b >>> 16) & 0xff)) ^
    at(table, b >>> 24)
  );
}

/** Returns the checksum of two sequences of bytes, the second of which has `byteLength` bytes. */
export function combineCrc64(first: bigint, second: bigint, byteLength: number): bigint {
  let shift = HIGH_BIT;
  let power = ONE_BYTE;
  for (let left = BigInt(byteLength); left > 0n; left >>= 1n) {
    if ((left & 1n) === 1n) shift = multiply(shift, power);
    power = multiply(power, power);
  }
  return multiply(shift, first) ^ second;
}

/** Multiplies two polynomials modulo the one of the checksum. */
function multiply(one: bigint, other: bigint): bigint {
  let product = 0n;
  let factor = other;
  for (let bit = HIGH_BIT; bit > 0n; bit >>= 1n) {
    if ((one & bit) !== 0n) product ^= factor;
    factor = divide(factor);
  }
  return product;
}
