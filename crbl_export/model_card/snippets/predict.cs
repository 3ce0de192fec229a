// dotnet add package Microsoft.ML.OnnxRuntime.DirectML        or Microsoft.ML.OnnxRuntime, for the CPU alone
// dotnet run MODEL.onnx IMAGES.rgb [DML]
using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using Microsoft.ML.OnnxRuntime;

internal static class Program
{
    private const int ImageSize = @IMAGE_SIZE@;
    private const double Threshold = @THRESHOLD@;
    private const int ImageBytes = ImageSize * ImageSize * 3;

    private static void Main(string[] arguments)
    {
        if (arguments.Length < 2)
            throw new ArgumentException("Expected MODEL.onnx IMAGES.rgb [DML].");
        byte[] images = File.ReadAllBytes(arguments[1]);
        if (images.Length == 0 || images.Length % ImageBytes != 0)
            throw new InvalidDataException(
                $"{arguments[1]} has {images.Length} bytes, expected {ImageBytes} for each image.");
        using (SessionOptions options = Options(arguments.Length > 2 ? arguments[2] : "CPU"))
        using (var session = new InferenceSession(arguments[0], options))
        {
            for (int start = 0; start < images.Length; start += ImageBytes)
            {
                byte[] pixels = new byte[ImageBytes];
                Array.Copy(images, start, pixels, 0, ImageBytes);
                Predict(session, pixels);
            }
        }
    }

    private static SessionOptions Options(string provider)
    {
        var options = new SessionOptions();
        if (provider == "DML")
        {
            options.ExecutionMode = ExecutionMode.ORT_SEQUENTIAL;
            options.EnableMemoryPattern = false;
            options.AddFreeDimensionOverrideByName("batch", 1);
            options.AppendExecutionProvider_DML(0);
        }
        return options;
    }

    // pixels: rows from the top, pixels from the left, R before G before B.
    private static void Predict(InferenceSession session, byte[] pixels)
    {
        // Images, options and results hold memory outside .NET: all are disposed of, or it grows with every image.
        using (var runOptions = new RunOptions())
        using (OrtValue image = OrtValue.CreateTensorValueFromMemory(pixels, new long[] { 1, ImageSize, ImageSize, 3 }))
        using (IDisposableReadOnlyCollection<OrtValue> results = session.Run(
            runOptions, new Dictionary<string, OrtValue> { { "image", image } }, new[] { "probability", "logit" }))
        {
            float probability = results[0].GetTensorDataAsSpan<float>()[0];
            float logit = results[1].GetTensorDataAsSpan<float>()[0];
            if (float.IsNaN(logit) || float.IsInfinity(logit))
                throw new InvalidDataException("The logit is not finite: the driver computes wrongly.");
            string decision = probability > Threshold ? "anomaly" : "normal";
            Console.WriteLine(string.Format(
                CultureInfo.InvariantCulture, "{0:F8} {1:F6} {2}", probability, logit, decision));
        }
    }
}
