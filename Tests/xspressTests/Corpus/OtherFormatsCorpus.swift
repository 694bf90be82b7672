import Files
import Foundation
import TestSupport

/// Items 114 and 140 to 143: files of formats that are not read.
extension CorpusCase {
  static let otherFormats: [CorpusCase] = [
    file(114, "a tar archive", 69, "FILE-FORMAT", names: ["tar", "unpack"], as: "model.tar") {
      var bytes = Array("adapter/adapter_model.safetensors".utf8)
      bytes += [UInt8](repeating: 0, count: 257 - bytes.count) + Array("ustar\u{0}00".utf8)
      return bytes + [UInt8](repeating: 0, count: 1024 - bytes.count)
    },
    file(114, "a gzip stream", 69, "FILE-FORMAT", names: ["unpack"], as: "model.tgz") {
      [0x1f, 0x8b, 8] + [UInt8](repeating: 0, count: 64)
    },
    CorpusCase(114, "a ZIP archive as a base", 69, "FILE-FORMAT", names: ["model.zip"]) { folder in
      let path = Paths.join(folder, "model.zip")
      try Data(TorchBuilder(program: TorchBuilder.program()).bytes())
        .write(to: URL(fileURLWithPath: path))
      return convert(base: path, in: folder)
    },
    file(140, "a pickle from before torch 1.6", 69, "FILE-FORMAT", names: ["pickle"], as: bin) {
      pickle
    },
    torch(140, "a pickle that runs a program", 69, "PT-GLOBAL", ["os.system"]) {
      [0x80, 2] + TorchBuilder.global("os", "system") + Array("(".utf8) + TorchBuilder.text("id")
        + Array("tR.".utf8)
    },
    torch(140, "a pickle with an operation of objects", 69, "PT-PICKLE") {
      [0x80, 2] + Array("(ios\nsystem\n.".utf8)
    },
    torch(140, "a pickle cut short", 65, "PT-PICKLE") { [0x80, 2] },
    CorpusCase(140, "a base of pickles", 69, "FILE-FORMAT", names: ["pytorch_model.bin"]) {
      folder in
      let model = Paths.join(folder, "model")
      try FileManager.default.copyItem(atPath: TinyLlama.folder, toPath: model)
      try FileManager.default.moveItem(
        atPath: Paths.join(model, "model.safetensors"),
        toPath: Paths.join(model, "pytorch_model.bin"))
      return convert(base: model, in: folder)
    },
    file(
      141, "a pickle called safetensors", 69, "FILE-FORMAT", names: ["pickle"], as: "m.safetensors"
    ) {
      pickle
    },
    file(141, "a pickle called gguf", 69, "FILE-FORMAT", names: ["pickle"], as: "m.gguf") {
      [0x80, 4, 0x95] + pickle
    },
    CorpusCase(142, "both kinds of weights", 0, nil, names: [bin]) { folder in
      let adapter = try CorpusAdapter.copy(to: folder)
      try Data(pickle).write(to: URL(fileURLWithPath: Paths.join(adapter, bin)))
      return ["inspect", adapter]
    },
    file(143, "a NumPy array", 69, "FILE-FORMAT", names: ["NumPy"], as: "w.npy") {
      [0x93] + Array("NUMPY".utf8) + [1, 0] + [UInt8](repeating: 0x20, count: 64)
    },
    file(143, "a TensorFlow model", 69, "FILE-FORMAT", names: ["TensorFlow"], as: "saved_model.pb")
    {
      [8, 1, 0x12, 0xf4, 0x1b, 0x0a, 0xb1, 1] + [UInt8](repeating: 0x0a, count: 64)
    },
    file(143, "an HDF5 container", 69, "FILE-FORMAT", names: ["HDF5"], as: "w.h5") {
      [0x89] + Array("HDF\r\n\u{1a}\n".utf8) + [UInt8](repeating: 0, count: 64)
    },
    file(143, "an ONNX model", 69, "FILE-FORMAT", names: ["ONNX"], as: "m.onnx") {
      [8, 7, 0x12, 7] + Array("pytorch".utf8) + [UInt8](repeating: 0x3a, count: 64)
    },
    CorpusCase(143, "an archive of NumPy arrays", 69, "FILE-FORMAT", names: ["adapters.npz"]) {
      folder in
      try Data(Array("PK\u{3}\u{4}".utf8) + pickle)
        .write(to: URL(fileURLWithPath: Paths.join(folder, "adapters.npz")))
      return convert(adapter: folder, in: Paths.parent(of: folder))
    },
  ]

  private static let bin = "adapter_model.bin"
  /// An empty dict, by protocol 2.
  private static let pickle: [UInt8] = [0x80, 2] + Array("}q\u{0}.".utf8)

  /// An archive of torch.save with this program.
  private static func torch(
    _ item: Int, _ what: String, _ status: Int32, _ code: String, _ names: [String] = [],
    _ program: @escaping @Sendable () -> [UInt8]
  ) -> CorpusCase {
    file(item, what, status, code, names: names, as: bin) {
      TorchBuilder(program: program(), storages: [("0", [0, 0, 0, 0])]).bytes()
    }
  }
}
