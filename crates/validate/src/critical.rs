//! The distances that chance exceeds with a given probability.

/// More steps of halving than this change nothing in a float.
const HALVINGS: usize = 200;

/// Terms of a series beyond this are too small to count.
const TERMS: i32 = 500;

/// The value of the chi-squared statistic with `freedom` degrees that chance exceeds with the probability `p_value`.
pub(crate) fn chi_squared(p_value: f64, freedom: usize) -> f64 {
    if freedom == 0 {
        return 0.0;
    }
    let half = freedom as f64 / 2.0;
    exceeded_with(p_value, |statistic| 1.0 - lower_gamma_share(half, statistic / 2.0))
}

/// The scaled Kolmogorov-Smirnov distance that chance exceeds with the probability `p_value`.
pub(crate) fn kolmogorov(p_value: f64) -> f64 {
    exceeded_with(p_value, |distance| {
        if distance < 0.2 {
            return 1.0;
        }
        let term = |k: i32| if k % 2 == 1 { 1.0 } else { -1.0 } * (-2.0 * f64::from(k * k) * distance * distance).exp();
        (2.0 * (1..=100).map(term).sum::<f64>()).clamp(0.0, 1.0)
    })
}

/// Where the falling function `probability` reaches `p_value`.
fn exceeded_with(p_value: f64, probability: impl Fn(f64) -> f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    while probability(high) > p_value && high < 1e12 {
        high *= 2.0;
    }
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        if probability(middle) > p_value { low = middle } else { high = middle }
    }
    high
}

/// The lower incomplete gamma function as a share of the whole: by its series, or by its continued fraction beyond the mean.
fn lower_gamma_share(shape: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    let scale = (shape * x.ln() - x - ln_gamma(shape)).exp();
    if x < shape + 1.0 {
        let mut term = 1.0 / shape;
        let mut sum = term;
        for n in 1..TERMS {
            term *= x / (shape + f64::from(n));
            sum += term;
        }
        return (scale * sum).clamp(0.0, 1.0);
    }
    let mut fraction = 0.0;
    for n in (1..TERMS).rev() {
        let n = f64::from(n);
        fraction = n * (n - shape) / (x + 2.0 * n + 1.0 - shape - fraction);
    }
    (1.0 - scale / (x + 1.0 - shape - fraction)).clamp(0.0, 1.0)
}

/// The logarithm of the gamma function, by Stirling's series where it is exact enough.
fn ln_gamma(x: f64) -> f64 {
    if x < 15.0 {
        return ln_gamma(x + 1.0) - x.ln();
    }
    let square = x * x;
    let series = (1.0 / 12.0 - (1.0 / 360.0 - 1.0 / (1260.0 * square)) / square) / x;
    (x - 0.5) * x.ln() - x + 0.5 * std::f64::consts::TAU.ln() + series
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() < 0.001 * expected, "{found} is not {expected}");
    }

    #[test]
    fn they_are_those_of_the_tables() {
        close(chi_squared(0.05, 1), 3.841);
        close(chi_squared(0.05, 2), 5.991);
        close(chi_squared(0.01, 10), 23.209);
        close(chi_squared(0.95, 5), 1.1455);
        close(chi_squared(0.05, 100), 124.342);
        close(kolmogorov(0.05), 1.3581);
        close(kolmogorov(0.01), 1.6276);
        close(kolmogorov(0.5), 0.8276);
    }
}
